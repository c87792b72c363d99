// Pools of integers: one invocation walks a window, clipped to the image, for one value of channels.
// TAKE joins a `value` to a total `x`; RESULT makes the output of the total `x` of `n` values.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint pixel = i / uint(CHANNELS);
    int out_x = int(pixel % uint(OUT_W)), out_y = int(pixel / uint(OUT_W) % uint(OUT_H));
    ivec2 start = ivec2(out_x * STRIDE_W - PAD_W, out_y * STRIDE_H - PAD_H);
    ivec2 end = min(start + ivec2(KERNEL_W, KERNEL_H), ivec2(IN_W, IN_H));
    start = max(start, ivec2(0));
    uint image = pixel / uint(OUT_W * OUT_H) * uint(IN_W * IN_H);

    VALUE x = VALUE(IDENTITY);
    for (int row = start.y; row < end.y; row++) {
        uint at = (image + uint(row * IN_W + start.x)) * uint(CHANNELS) + i % uint(CHANNELS);
        for (int column = start.x; column < end.x; column++, at += uint(CHANNELS)) {
            VALUE value = source(at);
            x = TAKE;
        }
    }
    int n = (end.x - start.x) * (end.y - start.y);
    store(i, clamp(RESULT, LOW, HIGH));
}
