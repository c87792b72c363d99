// Transposed convolution over depth, height and width. A layer is one phase: the outputs whose places leave the same
// remainder under the stride, so that the same taps of the kernel meet all of them. "In" is what the kernel reads.

const ivec3 IN = ivec3(IN_D, IN_H, IN_W), OUT = ivec3(OUT_D, OUT_H, OUT_W), PAD = ivec3(PAD_D, PAD_H, PAD_W);
const ivec3 STRIDE = ivec3(STRIDE_D, STRIDE_H, STRIDE_W), DILATION = ivec3(DILATION_D, DILATION_H, DILATION_W);
const ivec3 COUNT = (OUT + STRIDE - 1) / STRIDE;  // places of one phase

void main() {
    int layer = int(tile_layer());
    if (layer >= LAYERS) return;
    tile_clear();

    ivec3 phase = ivec3(layer / (STRIDE.z * STRIDE.y), layer / STRIDE.z, layer) % STRIDE;
    ivec3 place[PIXELS];
    int image[PIXELS];
    for (int p = 0; p < PIXELS; p++) {
        int pixel = int(min(tile_pixel(p), uint(OUTPUT_PIXELS - 1)));
        place[p] = ivec3(pixel / (COUNT.z * COUNT.y), pixel / COUNT.z, pixel) % COUNT * STRIDE + phase;
        image[p] = pixel / (COUNT.z * COUNT.y * COUNT.x);
    }

    uint base = 0u;
    for (int kd = 0; kd < KERNEL_D; kd++) {
        for (int ky = 0; ky < KERNEL_H; ky++) {
            for (int kx = 0; kx < KERNEL_W; kx++, base += uint(TAP_STEP)) {
                ivec3 tap = ivec3(kd, ky, kx);
                if (any(notEqual((phase + PAD + tap * (STRIDE - DILATION % STRIDE)) % STRIDE, ivec3(0)))) continue;
                int at[PIXELS];
                bool inside[PIXELS];
                for (int p = 0; p < PIXELS; p++) {
                    // A multiple of the stride, but where it is negative the division must not round to 0.
                    ivec3 shifted = place[p] + PAD - tap * DILATION, from = shifted / STRIDE;
                    inside[p] = all(greaterThanEqual(shifted, ivec3(0))) && all(lessThan(from, IN));
                    from = clamp(from, ivec3(0), IN - 1);
                    at[p] = (((image[p] * IN.x + from.x) * IN.y + from.y) * IN.z + from.z) * STEPS;
                }
                for (int k = 0; k < STEPS; k++) {
                    STEP_TYPE value[PIXELS];
                    for (int p = 0; p < PIXELS; p++) value[p] = inside[p] ? source(at[p] + k) - STEP_TYPE(IN_ZERO) : STEP_TYPE(0);
                    tile_add(value, base, uint(k));
                }
            }
        }
    }

    for (int p = 0; p < PIXELS; p++) {
        uint pixel = uint(((image[p] * OUT.x + place[p].x) * OUT.y + place[p].y) * OUT.z + place[p].z);
        if (tile_pixel(p) < uint(OUTPUT_PIXELS) && all(lessThan(place[p], OUT)))
            tile_store(p, pixel * uint(CHANNELS), uint(image[p]));
    }
}
