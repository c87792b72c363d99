// A product in double precision rounded to an integer, in integers: what C makes of round(double(x) * factor).

// w + 2 ** k, of 128 bits, the low word first.
uvec4 plus_bit(uvec4 w, int k) {
    if (k < 0 || k > 127) return w;
    uvec4 bit = uvec4(equal(ivec4(k / 32), ivec4(0, 1, 2, 3))) << uint(k % 32);
    uint carry = 0u, first, second;
    for (int i = 0; i < 4; i++) {
        w[i] = uaddCarry(w[i], bit[i], first);
        w[i] = uaddCarry(w[i], carry, second);
        carry = first + second;
    }
    return w;
}

int top_bit(uvec4 w) {
    return w.w != 0u ? 96 + findMSB(w.w) : w.z != 0u ? 64 + findMSB(w.z) : w.y != 0u ? 32 + findMSB(w.y) : findMSB(w.x);
}

// To a multiple of 2 ** k, k up to 32, as a double's mantissa is rounded: of two as near the even one.
uvec2 to_even(uvec2 n, int k) {
    uint below = k > 31 ? n.x : n.x & ((1u << k) - 1u), halfway = 1u << (k - 1);
    bool odd = ((k > 31 ? n.y : n.x >> k) & 1u) == 1u;
    n.x -= below;
    uvec4 up = plus_bit(uvec4(n, 0u, 0u), k);
    return below > halfway || (below == halfway && odd) ? up.xy : n;
}

// The integer nearest to the double nearest to x * (high * 2 ** 32 + low) / 2 ** e, halves away from 0, within 31 bits.
int rounded_product(ivec2 x, int low, int high, int e) {
    uvec2 n = uvec2(x.y < 0 ? negated(x) : x);
    int extra = top_bit(uvec4(n, 0u, 0u)) - 52;
    if (extra > 0) n = to_even(n, extra);
    uvec4 w = uvec4(0u);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            uint first, second;
            umulExtended(n[i], j == 0 ? uint(low) : uint(high), second, first);
            uint carry, more;
            w[i + j] = uaddCarry(w[i + j], first, carry);
            w[i + j + 1] = uaddCarry(w[i + j + 1], second, more);
            w[i + j + 1] = uaddCarry(w[i + j + 1], carry, carry);
            if (i + j < 2) w[i + j + 2] += carry + more;
        }
    w = plus_bit(plus_bit(w, top_bit(w) - 53), e - 1);
    for (; e >= 32; e -= 32) w = uvec4(w.yzw, 0u);
    if (e > 0) w = (w >> e) | (uvec4(w.yzw, 0u) << (32 - e));
    int size = w.y != 0u || w.z != 0u || w.w != 0u || int(w.x) < 0 ? 0x7fffffff : int(w.x);
    return x.y < 0 ? -size : size;
}
int rounded_product(int x, int low, int high, int e) { return rounded_product(widen(x), low, high, e); }
ivec4 rounded_product(ivec4 x, ivec4 low, ivec4 high, ivec4 e) {
    ivec4 y;
    for (int c = 0; c < 4; c++) y[c] = rounded_product(x[c], low[c], high[c], e[c]);
    return y;
}
