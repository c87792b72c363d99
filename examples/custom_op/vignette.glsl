// Pictures NHWC, darker towards their corners.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint pixel = i / uint(CHANNELS);
    vec2 at = vec2(pixel % uint(W), pixel / uint(W) % uint(H));
    at = (2.0 * at + 1.0) / vec2(W, H) - 1.0;  // -1 to 1, at the middles of pixels
    store(i, source(i) * (1.0 - STRENGTH * dot(at, at) / 2.0));
}
