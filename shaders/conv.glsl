// Convolution over depth, height and width: for each tap of the kernel, the input under it times the tap's weights. A
// layer is a group of input and output channels.

const ivec3 STRIDE = ivec3(STRIDE_D, STRIDE_H, STRIDE_W), DILATION = ivec3(DILATION_D, DILATION_H, DILATION_W);

void main() {
    int layer = int(tile_layer());
    if (layer >= LAYERS) return;
    tile_clear();

    ivec3 size = ivec3(IN_D, IN_H, IN_W), made = ivec3(OUT_D, OUT_H, OUT_W), pad = ivec3(PAD_D, PAD_H, PAD_W);
    int steps = STEPS, pixel_steps = PIXEL_STEPS, start = layer * steps;
    ivec3 corner[PIXELS];  // where the window of a pixel starts
    int image[PIXELS];
    for (int p = 0; p < PIXELS; p++) {
        int pixel = int(min(tile_pixel(p), uint(OUTPUT_PIXELS - 1)));
        ivec3 at = place_of(pixel, made.z, made.y);
        image[p] = divide(at.z, made.x);
        corner[p] = ivec3(at.z - image[p] * made.x, at.y, at.x) * STRIDE - pad;
    }

    uint base = uint(layer * LAYER_STEP);
    for (int kd = 0; kd < KERNEL_D; kd++) {
        for (int ky = 0; ky < KERNEL_H; ky++) {
            for (int kx = 0; kx < KERNEL_W; kx++, base += uint(TAP_STEP)) {
                int at[PIXELS];
#if PADDED
                bool inside[PIXELS];
#endif
                for (int p = 0; p < PIXELS; p++) {
                    ivec3 place = corner[p] + ivec3(kd, ky, kx) * DILATION;
#if PADDED
                    inside[p] = all(greaterThanEqual(place, ivec3(0))) && all(lessThan(place, size));
                    place = clamp(place, ivec3(0), size - 1);
#endif
                    at[p] = ((image[p] * size.x + place.x) * size.y + place.y) * size.z + place.z;
                    at[p] = at[p] * pixel_steps + start;
                }
                for (int k = 0; k < steps; k++) {
                    STEP_TYPE value[PIXELS];
                    for (int p = 0; p < PIXELS; p++) {
                        value[p] = source(at[p] + k) - STEP_TYPE(IN_ZERO);
#if PADDED
                        value[p] = inside[p] ? value[p] : STEP_TYPE(0);
#endif
                    }
                    tile_add(value, base, uint(k));
                }
            }
        }
    }

    int p = 0;
    for (uint pixel = tile_pixel(0); pixel < tile_end(); pixel += uint(LOCAL_X), p++)
        tile_store(p, pixel * uint(LAYERS * CHANNELS) + uint(layer * CHANNELS), divide(pixel, uint(made.x * made.y * made.z)));
}
