// What JOINs at each place of the output: of MEMBERS, in order, those whose DEPTH numbers in axes of SIZES are this place.
// Each is INNER values. Numbers outside fail; where SKIPS, a negative one belongs nowhere.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    VALUE x = VALUE(FIRST);
    for (uint m = 0u; m < uint(MEMBERS); m++) {
        uint place = 0u;
        bool inside = true;
        for (int d = 0; d < DEPTH; d++) {
            int number = clipped(numbers(m * uint(DEPTH) + uint(d)));
            bool fits = number >= 0 && number < SIZES[d];
            if (!fits && (SKIPS == 0 || number >= 0)) fail();
            inside = inside && fits;
            place = place * uint(SIZES[d]) + uint(max(number, 0));
        }
        if (inside && place == i / uint(INNER)) {
            VALUE a = x, b = source(AT);
            x = JOIN;
        }
    }
    store(i, x);
}
