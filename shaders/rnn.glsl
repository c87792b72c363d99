// A simple recurrent cell: what its units add up, with a bias and activated, is their output and the next step's state.

shared float made[UNITS];

void main() {
    if (batch() >= uint(BATCHES)) return;
    recall();
    for (uint step = 0u; step < uint(STEPS * PASSES); step++) {
        uint row = row_of(step);
        take(row);
        for (uint first = 0u; first < uint(UNITS); first += uint(LOCAL_X)) {
            uint unit = first + unit_lane();
            uint own = min(unit, uint(UNITS - 1));
            float sum = gathered(own, row, parameters(own));
            if (sum_lane() == 0u && unit < uint(UNITS)) made[unit] = activated(sum);
        }
        barrier();
        for (uint k = gl_LocalInvocationIndex; k < uint(OUTPUTS); k += uint(LOCAL_X * LOCAL_Y)) give(row, k, made[k]);
        barrier();
    }
    keep();
}
