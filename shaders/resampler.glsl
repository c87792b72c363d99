// An image at points that are given by x and y.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint point = i / uint(CHANNELS);
    vec2 at = vec2(points(2u * point), points(2u * point + 1u));
    store(i, bilinear(at, point / uint(POINTS), i % uint(CHANNELS)));
}
