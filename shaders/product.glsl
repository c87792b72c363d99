// A product of matrices: rows are the pixels of a tile.

void main() {
    uint layer = tile_layer();
    if (layer >= uint(LAYERS)) return;
    tile_clear();
    uint start[READS];
    for (int r = 0; r < READS; r++) start[r] = left_start(layer, min(tile_read(r), uint(ROWS - 1)));
    uint base = right_start(layer), last = tile_last();
    for (uint k = tile_first(); k < last; k += uint(CHUNK)) {
        STEP_TYPE value[READS];
        for (int r = 0; r < READS; r++) value[r] = left_at(start[r], tile_step(k));
        tile_add(value, base, k);
    }
    int p = 0;
    for (uint row = tile_pixel(0); row < tile_end(); row += uint(DOWN), p++)
        tile_store(p, (layer * uint(ROWS) + row) * uint(CHANNELS), left_row(layer, row));
}
