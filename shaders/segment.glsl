// What the slices of each segment join to. Segment s has those that `members` lists from starts(s) to starts(s + 1).
// JOIN is a function of the total `a` and a value `b`.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint segment = i / uint(INNER);
    VALUE x = VALUE(IDENTITY);
    for (uint k = starts(segment); k < starts(segment + 1u); k++) {
        VALUE a = x, b = source(members(k) * uint(INNER) + i % uint(INNER));
        x = JOIN;
    }
    store(i, x);
}
