// Transposed convolution over depth, height and width. A layer is one phase: the outputs whose places leave the same
// remainder under the stride, so that the same taps of the kernel meet all of them. "In" is what the kernel reads.

const ivec3 STRIDE = ivec3(STRIDE_D, STRIDE_H, STRIDE_W), DILATION = ivec3(DILATION_D, DILATION_H, DILATION_W);

// Depth, row and column of a pixel of a phase, and its image.
ivec4 place_in(uint pixel, ivec3 count, ivec3 phase) {
    ivec3 at = place_of(int(pixel), count.z, count.y);
    int image = divide(at.z, count.x);
    return ivec4(ivec3(at.z - image * count.x, at.y, at.x) * STRIDE + phase, image);
}

void main() {
    int layer = int(tile_layer());
    if (layer >= LAYERS) return;
    tile_clear();

    ivec3 size = ivec3(IN_D, IN_H, IN_W), made = ivec3(OUT_D, OUT_H, OUT_W), pad = ivec3(PAD_D, PAD_H, PAD_W);
    ivec3 count = (made + STRIDE - 1) / STRIDE;  // places of one phase
    int steps = STEPS, first = int(tile_first()), last = int(tile_last());
    ivec3 phase = ivec3(layer / (STRIDE.z * STRIDE.y), layer / STRIDE.z, layer) % STRIDE;
    ivec4 place[READS];
    for (int r = 0; r < READS; r++) place[r] = place_in(min(tile_read(r), uint(OUTPUT_PIXELS - 1)), count, phase);

    uint base = 0u;
    for (int kd = 0; kd < KERNEL_D; kd++) {
        for (int ky = 0; ky < KERNEL_H; ky++) {
            for (int kx = 0; kx < KERNEL_W; kx++, base += uint(TAP_STEP)) {
                ivec3 tap = ivec3(kd, ky, kx);
                if (any(notEqual((phase + pad + tap * (STRIDE - DILATION % STRIDE)) % STRIDE, ivec3(0)))) continue;
                int at[READS];
                bool inside[READS];
                for (int r = 0; r < READS; r++) {
                    // A multiple of the stride, but where it is negative the division must not round to 0.
                    ivec3 shifted = place[r].xyz + pad - tap * DILATION, from = shifted / STRIDE;
                    inside[r] = all(greaterThanEqual(shifted, ivec3(0))) && all(lessThan(from, size));
                    from = clamp(from, ivec3(0), size - 1);
                    at[r] = (((place[r].w * size.x + from.x) * size.y + from.y) * size.z + from.z) * steps;
                }
                for (int k = first; k < last; k += CHUNK) {
                    STEP_TYPE value[READS];
                    for (int r = 0; r < READS; r++) {
                        STEP_TYPE x = source(at[r] + int(tile_step(uint(k)))) - STEP_TYPE(IN_ZERO);
                        value[r] = inside[r] ? x : STEP_TYPE(0);
                    }
                    tile_add(value, base, uint(k));
                }
            }
        }
    }

    int p = 0;
    for (uint pixel = tile_pixel(0); pixel < tile_end(); pixel += uint(DOWN), p++) {
        ivec4 at = place_in(pixel, count, phase);
        uint start = uint(((at.w * made.x + at.x) * made.y + at.y) * made.z + at.z) * uint(CHANNELS);
        if (all(lessThan(at.xyz, made))) tile_store(p, start, uint(at.w));
    }
}
