// An invocation takes a unit of a batch: each of its filters forgets the oldest of MEMORY features, remembers one of this
// step, and adds up what it remembers by age.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint batch = i / uint(UNITS), unit = i % uint(UNITS);
    float sum = 0.0;
    for (uint filtering = unit * uint(RANK); filtering < (unit + 1u) * uint(RANK); filtering++) {
        float feature = 0.0;
        for (uint k = 0u; k < uint(INPUTS); k++)
            feature += source(batch * uint(INPUTS) + k) * features(k * uint(FILTERS) + filtering);
        uint at = (batch * uint(FILTERS) + filtering) * uint(MEMORY);
        for (uint m = 0u; m < uint(MEMORY); m++) {
            float x = m + 1u < uint(MEMORY) ? memory[at + m + 1u] : feature;
            memory[at + m] = x;
            sum += x * times(filtering * uint(MEMORY) + m);
        }
    }
    store(i, sum);
}
