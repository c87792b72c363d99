// How a row of floats becomes integers of 8 bits with a scale of its own, as TFLite's hybrid kernels have it
// (`SymmetricQuantizeFloats` and `AsymmetricQuantizeFloats` of tensor_utils.h, as they are for x86). Needs lib/quotient.glsl.

// x > 0 in units of 2 ** -55; what is below them is of no account to whoever asks.
ivec2 in_units(Real x) {
    int shift = x.e + 55;
    if (shift >= 0) return ivec2(uvec2(uint(x.m.x) << shift, (uint(x.m.y) << shift) | (shift == 0 ? 0u : uint(x.m.x) >> (32 - shift))));
    if (shift <= -32) return ivec2(shift <= -64 ? 0u : uint(x.m.y) >> (-32 - shift), 0);
    return ivec2((uint(x.m.x) >> -shift) | (uint(x.m.y) << (32 + shift)), uint(x.m.y) >> -shift);
}

// The integer nearest to the double nearest to x, in those units; halves away from 0.
int nearest(ivec2 x) {
    uvec2 n = uvec2(negative(x) ? negated(x) : x);
    int extra = top_bit(uvec4(n, 0u, 0u)) - 52;
    if (extra > 0) n = to_even(n, extra);
    int size = int((n.y + (1u << 22)) >> 23);
    return negative(x) ? -size : size;
}

// The integer that stands for 0 in a row from `least` <= 0 to `most` >= 0, of steps `scale`.
int zero_point(float least, float most, Real scale) {
    ivec2 below = least < 0.0 ? in_units(quotient(real(-least), scale)) : ivec2(0);
    ivec2 above = most > 0.0 ? in_units(quotient(real(most), scale)) : ivec2(0);
    ivec2 one = ivec2(0, 1 << 23);
    bool from_least = below_unsigned(plus(below, one), above);
    ivec2 zero = from_least ? minus(below, ivec2(0, 128 << 23)) : minus(ivec2(0, 127 << 23), above);
    return clamp(nearest(zero), -128, 127);
}

// (the scale, one over it, the lowest and the highest q - zero point) of a row of floats from `least` to `most`.
vec4 row_scale(float least, float most, bool symmetric) {
    if (symmetric) {
        float range = max(abs(least), abs(most));
        if (range == 0.0) return vec4(1.0, 1.0, -127.0, 127.0);
        return vec4(single(quotient(real(range), real(127.0))), single(quotient(real(127.0), real(range))), -127.0, 127.0);
    }
    least = min(least, 0.0);
    most = max(most, 0.0);
    precise float range = most - least;
    if (range == 0.0) return vec4(1.0, 1.0, -128.0, 127.0);
    Real scale = quotient(real(range), real(255.0));
    int zero = zero_point(least, most, scale);
    float step = single(scale);
    return vec4(step, single(quotient(real(1.0), real(step))), float(-128 - zero), float(127 - zero));
}

// q - zero point of element `k` of a row of `size`. All but the last of a row go through code that adds a half and cuts
// off, which makes 1 of the largest float below a half.
int quantized(float x, vec4 scale, uint k, uint size) {
    precise float scaled = x * scale.y;
    precise float cut = scaled + (scaled < 0.0 ? -0.5 : 0.5);
    float whole = trunc(scaled);
    if (k >= (size & ~7u)) cut = abs(scaled - whole) >= 0.5 ? whole + sign(scaled) : whole;
    return int(clamp(trunc(cut), scale.z, scale.w));
}
