// Transposed convolution over depth, height and width. A layer is one phase: the outputs whose places leave the same
// remainder under the stride, so that the same taps of the kernel meet all of them. "In" is what the kernel reads.

const ivec3 STRIDE = ivec3(STRIDE_D, STRIDE_H, STRIDE_W), DILATION = ivec3(DILATION_D, DILATION_H, DILATION_W);

void main() {
    int layer = int(tile_layer());
    if (layer >= LAYERS) return;
    tile_clear();

    ivec3 size = ivec3(IN_D, IN_H, IN_W), made = ivec3(OUT_D, OUT_H, OUT_W), pad = ivec3(PAD_D, PAD_H, PAD_W);
    ivec3 count = (made + STRIDE - 1) / STRIDE;  // places of one phase
    int steps = STEPS;
    ivec3 phase = ivec3(layer / (STRIDE.z * STRIDE.y), layer / STRIDE.z, layer) % STRIDE;
    ivec3 place[PIXELS];
    int image[PIXELS];
    for (int p = 0; p < PIXELS; p++) {
        int pixel = int(min(tile_pixel(p), uint(OUTPUT_PIXELS - 1)));
        ivec3 at = place_of(pixel, count.z, count.y);
        image[p] = divide(at.z, count.x);
        place[p] = ivec3(at.z - image[p] * count.x, at.y, at.x) * STRIDE + phase;
    }

    uint base = 0u;
    for (int kd = 0; kd < KERNEL_D; kd++) {
        for (int ky = 0; ky < KERNEL_H; ky++) {
            for (int kx = 0; kx < KERNEL_W; kx++, base += uint(TAP_STEP)) {
                ivec3 tap = ivec3(kd, ky, kx);
                if (any(notEqual((phase + pad + tap * (STRIDE - DILATION % STRIDE)) % STRIDE, ivec3(0)))) continue;
                int at[PIXELS];
                bool inside[PIXELS];
                for (int p = 0; p < PIXELS; p++) {
                    // A multiple of the stride, but where it is negative the division must not round to 0.
                    ivec3 shifted = place[p] + pad - tap * DILATION, from = shifted / STRIDE;
                    inside[p] = all(greaterThanEqual(shifted, ivec3(0))) && all(lessThan(from, size));
                    from = clamp(from, ivec3(0), size - 1);
                    at[p] = (((image[p] * size.x + from.x) * size.y + from.y) * size.z + from.z) * steps;
                }
                for (int k = 0; k < steps; k++) {
                    STEP_TYPE value[PIXELS];
                    for (int p = 0; p < PIXELS; p++) value[p] = inside[p] ? source(at[p] + k) - STEP_TYPE(IN_ZERO) : STEP_TYPE(0);
                    tile_add(value, base, uint(k));
                }
            }
        }
    }

    for (int p = 0; p < PIXELS; p++) {
        uint pixel = uint(((image[p] * made.x + place[p].x) * made.y + place[p].y) * made.z + place[p].z);
        if (tile_pixel(p) < uint(OUTPUT_PIXELS) && all(lessThan(place[p], made)))
            tile_store(p, pixel * uint(CHANNELS), uint(image[p]));
    }
}
