// Convolution in integers: a thread computes PIXELS pixels by VECS fours of output channels. Neighbouring threads take
// neighbouring channels, so that they read the same input and adjacent weights. A layer is a group of channels.

#if STEP == 4
#define STEP_TYPE ivec4
#define PART(x, c) (x)[c]
#else
#define STEP_TYPE int
#define PART(x, c) (x)
#endif

void main() {
    int i = int(invocation());
    if (i >= LAYERS * SETS * TILES) return;
    int layer_set = i % (LAYERS * SETS), tile = i / (LAYERS * SETS);
    int layer = layer_set / SETS;

    ivec2 corner[PIXELS];
    int image[PIXELS];
    ivec4 sum[PIXELS][VECS];
    for (int p = 0; p < PIXELS; p++) {
        int pixel = min(tile + p * TILES, OUTPUT_PIXELS - 1);
        corner[p] = ivec2(pixel / OUT_W % OUT_H, pixel % OUT_W) * ivec2(STRIDE_H, STRIDE_W) - ivec2(PAD_H, PAD_W);
        image[p] = pixel / (OUT_W * OUT_H);
        for (int v = 0; v < VECS; v++) sum[p][v] = ivec4(0);
    }

    int base = layer_set * VECS;
    for (int ky = 0; ky < KERNEL_H; ky++) {
        for (int kx = 0; kx < KERNEL_W; kx++) {
            int at[PIXELS];
            bool inside[PIXELS];
            for (int p = 0; p < PIXELS; p++) {
                ivec2 place = corner[p] + ivec2(ky, kx) * ivec2(DILATION_H, DILATION_W);
                inside[p] = place.x >= 0 && place.x < IN_H && place.y >= 0 && place.y < IN_W;
                place = clamp(place, ivec2(0), ivec2(IN_H, IN_W) - 1);
                at[p] = ((image[p] * IN_H + place.x) * IN_W + place.y) * (LAYERS * STEPS) + layer * STEPS;
            }
            for (int k = 0; k < STEPS; k++) {
                STEP_TYPE value[PIXELS];
                for (int p = 0; p < PIXELS; p++) {
                    value[p] = source(at[p] + k);
#if PADDED
                    value[p] = inside[p] ? value[p] : STEP_TYPE(IN_ZERO);
#endif
                }
                for (int c = 0; c < STEP; c++, base += LAYERS * SETS * VECS)
                    for (int v = 0; v < VECS; v++) {
                        ivec4 w = weights(base + v);
                        for (int p = 0; p < PIXELS; p++) sum[p][v] += PART(value[p], c) * w;
                    }
            }
        }
    }

    for (int p = 0; p < PIXELS; p++) {
        int pixel = tile + p * TILES;
        if (pixel >= OUTPUT_PIXELS) return;
        for (int v = 0; v < VECS; v++) {
            int channel = (layer_set % SETS * VECS + v) * 4;
            ivec4 x = rescaled(sum[p][v], uint(layer_set * VECS + v));
            uint first = uint((pixel * LAYERS + layer) * CHANNELS + channel);
#if CHANNELS % 4 == 0
            if (channel < CHANNELS) store(first / 4u, x);
#else
            for (int c = 0; c < 4; c++)
                if (channel + c < CHANNELS) store(first + uint(c), x[c]);
#endif
        }
    }
}
