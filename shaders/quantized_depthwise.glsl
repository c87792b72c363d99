// Depthwise convolution in integers: one thread computes COLUMNS neighbouring pixels of one channel (or four).
// Neighbouring threads take neighbouring channels.

void main() {
    int i = int(invocation());
    if (i >= IMAGES * OUT_H * TILES * STEPS) return;
    int channel = i % STEPS;
    int left = i / STEPS % TILES * COLUMNS;
    int y = i / (STEPS * TILES) % OUT_H;
    int image = i / (STEPS * TILES * OUT_H);

    VALUE sum[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) sum[c] = VALUE(0);
    for (int ky = 0; ky < KERNEL_H; ky++) {
        int row = y * STRIDE_H - PAD_H + ky * DILATION_H;
        bool in_rows = row >= 0 && row < IN_H;
        int start = (image * IN_H + clamp(row, 0, IN_H - 1)) * IN_W;
        for (int kx = 0; kx < KERNEL_W; kx++) {
            VALUE w = weights((ky * KERNEL_W + kx) * STEPS + channel);
            for (int c = 0; c < COLUMNS; c++) {
                int x = (left + c) * STRIDE_W - PAD_W + kx * DILATION_W;
                VALUE value = source((start + clamp(x, 0, IN_W - 1)) * IN_STEPS + channel / MULTIPLIER);
#if PADDED
                value = in_rows && x >= 0 && x < IN_W ? value : VALUE(IN_ZERO);
#endif
                sum[c] += value * w;
            }
        }
    }
    uint first = uint(((image * OUT_H + y) * OUT_W + left) * STEPS + channel);
    for (int c = 0; c < COLUMNS; c++)
        if (left + c < OUT_W) store(first + uint(c * STEPS), rescaled(sum[c], uint(channel)));
}
