// An invocation takes a unit of a batch: each of its filters forgets the oldest of MEMORY features, remembers one of this
// step, and adds up what it remembers by age.

#if HYBRID
// What a filter finds in a batch, whose values lie on a grid.
float feature_of(uint batch, uint filtering, Grid grid) {
    int sum = 0;
    for (uint k = 0u; k < uint(INPUTS); k++)
        sum += on_grid(source(batch * uint(INPUTS) + k), grid) * features(k * uint(FILTERS) + filtering);
    precise float scale = grid.scale * FEATURE_SCALE, r = float(sum) * scale;
    return r;
}

Grid grid_of_row(uint batch) {
    float low = source(batch * uint(INPUTS)), high = low;
    for (uint k = 1u; k < uint(INPUTS); k++) {
        float x = source(batch * uint(INPUTS) + k);
        low = min(low, x);
        high = max(high, x);
    }
    return grid_of(low, high);
}
#else
#define Grid int
#define grid_of_row(batch) 0

VALUE feature_of(uint batch, uint filtering, Grid grid) {
    VALUE sum = features(uint(INPUTS * FILTERS) + filtering);
    for (uint k = 0u; k < uint(INPUTS); k++)
        sum += source(batch * uint(INPUTS) + k) * features(k * uint(FILTERS) + filtering);
    return FEATURE(sum);
}
#endif

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint batch = i / uint(UNITS), unit = i % uint(UNITS);
    Grid grid = grid_of_row(batch);
    VALUE sum = VALUE(0);
    for (uint filtering = unit * uint(RANK); filtering < (unit + 1u) * uint(RANK); filtering++) {
        VALUE feature = feature_of(batch, filtering, grid);
        uint at = (batch * uint(FILTERS) + filtering) * uint(MEMORY);
        for (uint m = 0u; m < uint(MEMORY); m++) {
            VALUE x = m + 1u < uint(MEMORY) ? memory[at + m + 1u] : feature;
            memory[at + m] = x;
            sum += x * times(filtering * uint(MEMORY) + m);
        }
    }
    store(i, sum);
}
