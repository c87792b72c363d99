// The angle of FLOAT64's y and x, as atan2 has it, to a few units in the last place. With lib/float64_sums.glsl.

const uvec2 HALF_TURN = uvec2(0x54442d18u, 0x400921fbu), QUARTER_TURN = uvec2(0x54442d18u, 0x3ff921fbu);
// atan(k / 8), and of atan's series (1 - z / 3 + z * z / 5 ...) what z = u * u is multiplied with.
const uvec2 EIGHTHS[9] = uvec2[9](
    uvec2(0x00000000u, 0x00000000u), uvec2(0x9aac2f6eu, 0x3fbfd5bau), uvec2(0xf92c80ddu, 0x3fcf5b75u),
    uvec2(0x41e4def1u, 0x3fd6f619u), uvec2(0x0561bb4fu, 0x3fddac67u), uvec2(0xabdefeb4u, 0x3fe1e00bu),
    uvec2(0xa3269ee1u, 0x3fe4978fu), uvec2(0xc5784634u, 0x3fe700a7u), uvec2(0x54442d18u, 0x3fe921fbu)
);
const uvec2 SERIES[8] = uvec2[8](
    uvec2(0x00000000u, 0x3ff00000u), uvec2(0x55555555u, 0xbfd55555u), uvec2(0x9999999au, 0x3fc99999u),
    uvec2(0x92492492u, 0xbfc24924u), uvec2(0x1c71c71cu, 0x3fbc71c7u), uvec2(0x745d1746u, 0xbfb745d1u),
    uvec2(0x13b13b14u, 0x3fb3b13bu), uvec2(0x11111111u, 0xbfb11111u)
);

// Of a number from 0 to 1: that of the eighth k / 8 next to it, and of what (t - c) / (1 + t * c) is from there.
uvec2 atan_of(uvec2 t) {
    uint k = 0u;
    while (k < 8u && !below(t, put_together(0u, -4, uvec2(2u * k + 1u, 0u)))) k++;
    uvec2 c = put_together(0u, -3, uvec2(k, 0u)), one = put_together(0u, 0, uvec2(1u, 0u));
    uvec2 u = k == 0u ? t : over(minus(t, c), plus(one, times(t, c))), z = times(u, u), sum = SERIES[7];
    for (int j = 6; j >= 0; j--) sum = plus(SERIES[j], times(z, sum));
    return plus(EIGHTHS[k], times(u, sum));
}

uvec2 atan_of(uvec2 y, uvec2 x) {
    uint sign = y.y & 0x80000000u;
    uvec2 a = magnitude(y), b = magnitude(x), found;
    if (is_nan(x) || is_nan(y)) return NO_NUMBER;
    if (is_infinite(a) && is_infinite(b)) found = EIGHTHS[8];
    else if (is_zero(y)) found = uvec2(0u);
    else if (below(b, a)) found = minus(QUARTER_TURN, atan_of(over(b, a)));
    else found = atan_of(over(a, b));
    if (x.y >> 31 == 1u) found = minus(HALF_TURN, found);
    return uvec2(found.x, found.y | sign);
}
