// Convolution over depth, height and width: for each tap of the kernel, the input under it times the tap's weights. A
// layer is a group of input and output channels.

#define STRIDE ivec3(STRIDE_D, STRIDE_H, STRIDE_W)
#define DILATION ivec3(DILATION_D, DILATION_H, DILATION_W)

void main() {
    int layer = int(tile_layer());
    if (layer >= LAYERS) return;
    tile_clear();

    ivec3 size = ivec3(IN_D, IN_H, IN_W), made = ivec3(OUT_D, OUT_H, OUT_W), pad = ivec3(PAD_D, PAD_H, PAD_W);
    int first = int(tile_first()), last = int(tile_last()), pixel_steps = PIXEL_STEPS, start = layer * STEPS;
    ivec3 corner[READS];  // where the window of a pixel starts
    int image[READS];
    for (int r = 0; r < READS; r++) {
        int pixel = int(min(tile_read(r), uint(OUTPUT_PIXELS - 1)));
        ivec3 at = place_of(pixel, made.z, made.y);
        image[r] = OUT_D == 1 ? at.z : divide(at.z, made.x);
        corner[r] = ivec3(at.z - image[r] * made.x, at.y, at.x) * STRIDE - pad;
    }

    uint base = uint(layer * LAYER_STEP);
    for (int kd = 0; kd < KERNEL_D; kd++) {
        for (int ky = 0; ky < KERNEL_H; ky++) {
            for (int kx = 0; kx < KERNEL_W; kx++, base += uint(TAP_STEP)) {
                int at[READS];
#if PADDED
                bool inside[READS];
#endif
                for (int r = 0; r < READS; r++) {
                    ivec3 place = corner[r] + ivec3(kd, ky, kx) * DILATION;
#if PADDED
                    inside[r] = all(greaterThanEqual(place, ivec3(0))) && all(lessThan(place, size));
                    place = clamp(place, ivec3(0), size - 1);
#endif
                    at[r] = ((image[r] * size.x + place.x) * size.y + place.y) * size.z + place.z;
                    at[r] = at[r] * pixel_steps + start;
                }
                for (int k = first; k < last; k += CHUNK) {
                    STEP_TYPE value[READS];
                    for (int r = 0; r < READS; r++) {
                        value[r] = source(at[r] + int(tile_step(uint(k)))) - STEP_TYPE(IN_ZERO);
#if PADDED
                        value[r] = inside[r] ? value[r] : STEP_TYPE(0);
#endif
                    }
                    tile_add(value, base, uint(k));
                }
            }
        }
    }

    int p = 0;
    for (uint pixel = tile_pixel(0); pixel < tile_end(); pixel += uint(DOWN), p++)
        tile_store(p, pixel * uint(LAYERS * CHANNELS) + uint(layer * CHANNELS), divide(pixel, uint(made.x * made.y * made.z)));
}
