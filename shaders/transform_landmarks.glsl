// Points under a matrix: x and y are mapped, a third coordinate stays.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint c = i % uint(DIMENSIONS);
    if (c == 2u) {
        store(i, landmarks(i));
        return;
    }
    vec2 at = vec2(landmarks(i - c), landmarks(i - c + 1u));
    store(i, matrix(4u * c) * at.x + matrix(4u * c + 1u) * at.y + matrix(4u * c + 3u) * SCALE);
}
