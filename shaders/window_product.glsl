// A transposed convolution whose windows lie side by side: a product, of which each row makes all pixels of a window. Its
// outputs are the window's pixels of the first channel, then of the second, and so on.

void main() {
    if (tile_layer() >= uint(LAYERS)) return;
    tile_clear();
    uint start[READS];
    for (int r = 0; r < READS; r++) start[r] = min(tile_read(r), uint(OUTPUT_PIXELS - 1)) * uint(STEPS);
    for (uint k = 0u; k < uint(STEPS); k += uint(CHUNK)) {
        STEP_TYPE value[READS];
        for (int r = 0; r < READS; r++) value[r] = source(start[r] + tile_step(k));
        tile_add(value, 0u, k);
    }

    const uint TAPS = uint(KERNEL_H * KERNEL_W);
    uint channels = uint(CHANNELS) / TAPS;
    int p = 0;
    for (uint pixel = tile_pixel(0); pixel < tile_end(); pixel += uint(DOWN), p++) {
        ivec3 at = place_of(int(pixel), IN_W, 1);  // the image's rows follow those of the one before, in the output too
        for (int v = 0; v < VECS; v++) {
            SUM sum = tile_sum(p, v);
            uint first = tile_vec(v) * 4u;
            for (uint c = 0u; c < 4u; c++) {
                uint tap = (first + c) % TAPS;
                uint row = uint(at.z * KERNEL_H) + tap / uint(KERNEL_W), column = uint(at.x * KERNEL_W) + tap % uint(KERNEL_W);
                along = (first + c) / TAPS;
                if (first + c < uint(CHANNELS)) store((row * uint(OUT_W) + column) * channels + along, sum[c]);
            }
        }
    }
}
