// A product of matrices: rows are the pixels of a tile.

void main() {
    uint layer = tile_layer();
    if (layer >= uint(LAYERS)) return;
    tile_clear();
    uint start[PIXELS];
    for (int p = 0; p < PIXELS; p++) start[p] = left_start(layer, min(tile_pixel(p), uint(ROWS - 1)));
    uint base = right_start(layer), steps = uint(STEPS);
    for (uint k = 0u; k < steps; k++) {
        STEP_TYPE value[PIXELS];
        for (int p = 0; p < PIXELS; p++) value[p] = left_at(start[p], k);
        tile_add(value, base, k);
    }
    int p = 0;
    for (uint row = tile_pixel(0); row < tile_end(); row += uint(LOCAL_X), p++)
        tile_store(p, (layer * uint(ROWS) + row) * uint(CHANNELS), left_row(layer, row));
}
