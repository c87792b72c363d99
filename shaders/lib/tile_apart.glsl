// The threads of a group read each what it multiplies. They lie along pixels, so that all read the same weights.

uint tile_weights[VECS];

void tile_clear() {
    for (int v = 0; v < VECS; v++) tile_weights[v] = weights_of(tile_vec(v));
    for (int p = 0; p < PIXELS; p++)
        for (int v = 0; v < VECS; v++) sum_clear(sum[p][v]);
}

// The r-th pixel of which this thread reads a value, and the step of the sum that it reads of the CHUNK from k on.
uint tile_read(int r) { return tile_pixel(r); }
uint tile_step(uint k) { return k; }

// Adds to each pixel what one step gives, by its weights.
void tile_add(STEP_TYPE value[READS], uint base, uint k) {
    for (int v = 0; v < VECS; v++) {
        FOUR w[STEP];
        weights_at(base, k, tile_weights[v], w);
        for (int p = 0; p < PIXELS; p++) add_products(sum[p][v], value[p], w);
    }
}
