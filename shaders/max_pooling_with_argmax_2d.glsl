// The first largest value under each window, and its place there; RESULT says which is wanted. A NaN is never largest.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint pixel = i / uint(CHANNELS);
    ivec2 corner = ivec2(pixel % uint(OUT_W), pixel / uint(OUT_W) % uint(OUT_H)) * ivec2(STRIDE_W, STRIDE_H) - ivec2(PAD_W, PAD_H);
    ivec2 start = max(corner, ivec2(0)), end = min(corner + ivec2(KERNEL_W, KERNEL_H), ivec2(IN_W, IN_H));
    uint image = pixel / uint(OUT_W * OUT_H) * uint(IN_W * IN_H);

    float best = -3.4028234663852886e38, place = 0.0;
    for (int row = start.y; row < end.y; row++) {
        for (int column = start.x; column < end.x; column++) {
            float value = source((image + uint(row * IN_W + column)) * uint(CHANNELS) + i % uint(CHANNELS));
            if (value > best) {
                best = value;
                place = float(row - corner.y) * float(KERNEL_W) + float(column - corner.x);
            }
        }
    }
    store(i, RESULT);
}
