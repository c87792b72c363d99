// Depthwise convolution: one thread computes COLUMNS neighbouring pixels of one channel (or four), and keeps the row of
// input under them if it is short. Neighbouring threads take neighbouring channels.

int width, in_steps;

TERM value_at(int row, int x, int channel) {
    TERM value = source((row * width + clamp(x, 0, width - 1)) * in_steps + channel / MULTIPLIER) - TERM(IN_ZERO);
#if PADDED
    value = x >= 0 && x < width ? value : TERM(0);
#endif
    return value;
}

void main() {
    int i = int(invocation());
    if (i >= IMAGES * OUT_H * TILES * STEPS) return;
    int height = IN_H, steps = STEPS;
    width = IN_W;
    in_steps = IN_STEPS;
    int tile = divide(i, steps), channel = i - tile * steps;
    ivec3 place = place_of(tile, TILES, OUT_H);
    int left = place.x * COLUMNS, y = place.y, image = place.z;

    SUM sum[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) sum_clear(sum[c]);
    for (int ky = 0; ky < KERNEL_H; ky++) {
        int row = y * STRIDE_H - PAD_H + ky * DILATION_H;
#if PADDED
        if (row < 0 || row >= height) continue;
#endif
        row += image * height;
        int x = left * STRIDE_W - PAD_W;
#if KEEP_ROW
        TERM value[SPAN];
        for (int s = 0; s < SPAN; s++) value[s] = value_at(row, x + s, channel);
#define UNDER(c, kx) value[c * STRIDE_W + kx * DILATION_W]
#else
#define UNDER(c, kx) value_at(row, x + c * STRIDE_W + kx * DILATION_W, channel)
#endif
        for (int kx = 0; kx < KERNEL_W; kx++) {
            TERM w = weights((ky * KERNEL_W + kx) * steps + channel) - TERM(WEIGHTS_ZERO);
            for (int c = 0; c < COLUMNS; c++) sum_add(sum[c], UNDER(c, kx) * w);
        }
    }
    uint first = uint(((image * OUT_H + y) * OUT_W + left) * steps + channel);
    along = uint(channel);
    int c = 0, end = min(left + COLUMNS, OUT_W);
    for (int x = left; x < end; x++, c++) {  // not unrolled, as in lib/tile.glsl
        SUM s;
        CHOOSE(s, c, COLUMNS, sum[q]);
        store(first + uint(c * steps), finished(s, uint(channel), uint(channel * TERMS), uint(image)));
    }
}
