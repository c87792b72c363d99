// Quotients in double precision, in integers. Needs lib/int64.glsl and lib/double.glsl.

// A number above 0: m * 2 ** e, the highest bit of m being its 53rd.
struct Real {
    ivec2 m;
    int e;
};

Real real(float x) {
    uint bits = floatBitsToUint(x), exponent = (bits >> 23) & 255u, m = bits & 0x7fffffu;
    m = exponent == 0u ? m : m | 0x800000u;
    int shift = 23 - findMSB(m);
    m <<= shift;
    return Real(ivec2(m << 29, m >> 3), int(max(exponent, 1u)) - 179 - shift);
}

ivec2 twice(ivec2 x) { return ivec2(x.x << 1, (x.y << 1) | ((x.x >> 31) & 1)); }

// a / b, rounded to 53 bits. (The rest is never half of b.)
Real quotient(Real a, Real b) {
    ivec2 rest = a.m, q = ivec2(0);
    int e = a.e - b.e - 52;
    if (below_unsigned(rest, b.m)) {
        rest = twice(rest);
        e--;
    }
    for (int k = 0; k < 53; k++) {
        bool fits = !below_unsigned(rest, b.m);
        if (fits) rest = minus(rest, b.m);
        q = twice(q) | ivec2(fits ? 1 : 0, 0);
        rest = twice(rest);
    }
    if (below_unsigned(b.m, rest)) q = plus(q, ivec2(1, 0));
    return q.y >> 21 == 0 ? Real(q, e) : Real(ivec2(0, 1 << 20), e + 1);
}

// The nearest float.
float single(Real x) {
    uvec2 m = to_even(uvec2(x.m), 29);
    int e = x.e + 29, part = e / 2;
    return float((m.y << 3) | (m.x >> 29)) * uintBitsToFloat(uint(127 + part) << 23) * uintBitsToFloat(uint(127 + e - part) << 23);
}
