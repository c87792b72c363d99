// Max unpooling: each element of the output looks for the value that came from its place, the last of those whose windows
// cover it. "In" are the values, "out" is what they are put into.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint pixel = i / uint(CHANNELS);
    ivec2 at = ivec2(pixel % uint(OUT_W), pixel / uint(OUT_W) % uint(OUT_H)) + ivec2(PAD_W, PAD_H);
    ivec2 size = ivec2(KERNEL_W, KERNEL_H), stride = ivec2(STRIDE_W, STRIDE_H);
    ivec2 last = min(at / stride, ivec2(IN_W, IN_H) - 1);
    ivec2 first = max((at - size + stride) / stride, ivec2(0));  // rounds up; what is below 0 counts for nothing
    uint image = pixel / uint(OUT_W * OUT_H) * uint(IN_W * IN_H);

    float x = 0.0;
    bool found = false;
    for (int row = last.y; row >= first.y && !found; row--) {
        for (int column = last.x; column >= first.x && !found; column--) {
            uint from = (image + uint(row * IN_W + column)) * uint(CHANNELS) + i % uint(CHANNELS);
            ivec2 tap = at - ivec2(column, row) * stride;
            found = trunc(places(from)) == float(tap.y * KERNEL_W + tap.x);
            if (found) x = source(from);
        }
    }
    store(i, x);
}
