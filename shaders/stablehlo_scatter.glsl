// What is there, and the updates that fall on it: each of POINTS windows begins where its vector of numbers says.

PLACE(point_of, POINT_RANK, POINT_DIMS, POINT_STEPS)
PLACE(vector_of, POINT_RANK, POINT_DIMS, VECTOR_STEPS)

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    VALUE x = source(i);
    uint last = 0u;
    for (uint m = 0u; m < uint(POINTS); m++) {
        uint at = point_of(m), first = vector_of(m), rest = i;
        bool inside = true;
        for (int d = RANK - 1; d >= 0; d--) {
            int place = int(rest % uint(SIZES[d]));
            rest /= uint(SIZES[d]);
            if (NUMBER[d] >= 0) place -= clipped(numbers(first + uint(NUMBER[d])));
            inside = inside && place >= 0 && place < WINDOW[d];
            at += uint(place * WINDOW_STEPS[d]);
        }
        if (!inside || (LAST_WINS == 1 && at < last)) continue;
        last = at;
        VALUE y = updates(at);
        x = JOIN;
    }
    store(i, x);
}
