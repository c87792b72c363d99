// Depthwise convolution: one thread computes COLUMNS neighbouring pixels of one channel (or four), and keeps the row of
// input under them if it is short. Neighbouring threads take neighbouring channels.

TERM value_at(int row, int x, int channel) {
    TERM value = source((row * IN_W + clamp(x, 0, IN_W - 1)) * IN_STEPS + channel / MULTIPLIER) - TERM(IN_ZERO);
#if PADDED
    value = x >= 0 && x < IN_W ? value : TERM(0);
#endif
    return value;
}

void main() {
    int i = int(invocation());
    if (i >= IMAGES * OUT_H * TILES * STEPS) return;
    int channel = i % STEPS;
    int left = i / STEPS % TILES * COLUMNS;
    int y = i / (STEPS * TILES) % OUT_H;
    int image = i / (STEPS * TILES * OUT_H);

    SUM sum[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) sum_clear(sum[c]);
    for (int ky = 0; ky < KERNEL_H; ky++) {
        int row = y * STRIDE_H - PAD_H + ky * DILATION_H;
#if PADDED
        if (row < 0 || row >= IN_H) continue;
#endif
        row += image * IN_H;
        int x = left * STRIDE_W - PAD_W;
#if KEEP_ROW
        TERM value[SPAN];
        for (int s = 0; s < SPAN; s++) value[s] = value_at(row, x + s, channel);
#define UNDER(c, kx) value[c * STRIDE_W + kx * DILATION_W]
#else
#define UNDER(c, kx) value_at(row, x + c * STRIDE_W + kx * DILATION_W, channel)
#endif
        for (int kx = 0; kx < KERNEL_W; kx++) {
            TERM w = weights((ky * KERNEL_W + kx) * STEPS + channel) - TERM(WEIGHTS_ZERO);
            for (int c = 0; c < COLUMNS; c++) sum_add(sum[c], UNDER(c, kx) * w);
        }
    }
    uint first = uint(((image * OUT_H + y) * OUT_W + left) * STEPS + channel);
    for (int c = 0; c < COLUMNS; c++)
        if (left + c < OUT_W)
            store(first + uint(c * STEPS), finished(sum[c], uint(channel), uint(channel * TERMS), uint(image)));
}
