// How many of COUNT boundaries are not above a value: of KEY, made as REAL, a bound being above x where ABOVE.

// Integers of 64 bits in the order of doubles, whose magnitudes are in that of their bits; the greatest for a NaN.
ivec2 ordered(uvec2 bits) {
    ivec2 size = ivec2(bits.x, bits.y & 0x7fffffffu);
    if (below(ivec2(0, 0x7ff00000), size)) return ivec2(-1, 0x7fffffff);
    return bits.y >> 31 == 0u ? size : negated(size);
}

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    KEY x = REAL;
    int found = 0;
    for (uint k = 0u; k < uint(COUNT); k++) {
        KEY bound = bounds(k);
        if (!(ABOVE)) found++;
    }
    store(i, found);
}
