// A product in double precision rounded to an integer, in integers: what C makes of round(double(x) * factor).

// w + 2 ** k, of 96 bits, the low word first.
uvec3 plus_bit(uvec3 w, int k) {
    if (k < 0 || k > 95) return w;
    uvec3 bit = uvec3(equal(ivec3(k / 32), ivec3(0, 1, 2))) << uint(k % 32);
    uint low, middle;
    w.x = uaddCarry(w.x, bit.x, low);
    w.y = uaddCarry(w.y, bit.y, middle);
    uint carried;
    w.y = uaddCarry(w.y, low, carried);
    w.z += bit.z + middle + carried;
    return w;
}

// The integer nearest to the double nearest to x * (high * 2 ** 32 + low) / 2 ** e, halves away from 0, within 31 bits.
int rounded_product(int x, int low, int high, int e) {
    uint n = uint(abs(x)), first, second, carried;
    uvec3 w;
    umulExtended(n, uint(low), first, w.x);
    umulExtended(n, uint(high), w.z, second);
    w.y = uaddCarry(first, second, carried);
    w.z += carried;
    int top = w.z != 0u ? 64 + findMSB(w.z) : w.y != 0u ? 32 + findMSB(w.y) : findMSB(w.x);
    w = plus_bit(plus_bit(w, top - 53), e - 1);
    for (; e >= 32; e -= 32) w = uvec3(w.y, w.z, 0u);
    if (e > 0) w = uvec3(w.x >> e | w.y << (32 - e), w.y >> e | w.z << (32 - e), w.z >> e);
    int size = w.y != 0u || w.z != 0u || int(w.x) < 0 ? 0x7fffffff : int(w.x);
    return x < 0 ? -size : size;
}
ivec4 rounded_product(ivec4 x, ivec4 low, ivec4 high, ivec4 e) {
    ivec4 y;
    for (int c = 0; c < 4; c++) y[c] = rounded_product(x[c], low[c], high[c], e[c]);
    return y;
}
