// The VALUE of `source`, an image NHWC of IN_H by IN_W by CHANNELS, at a point; 0 beyond its edges, and at a NaN.

VALUE texel(ivec2 at, uint image, uint channel) {
    if (any(lessThan(at, ivec2(0))) || any(greaterThanEqual(at, ivec2(IN_W, IN_H)))) return VALUE(0.0);
    return source((image * uint(IN_H * IN_W) + uint(at.y * IN_W + at.x)) * uint(CHANNELS) + channel);
}

VALUE bilinear(vec2 at, uint image, uint channel) {
    if (is_nan(at.x) || is_nan(at.y)) return VALUE(0.0);
    if (at.x <= -1.0 || at.y <= -1.0 || at.x >= float(IN_W) || at.y >= float(IN_H)) return VALUE(0.0);
    ivec2 corner = ivec2(floor(at));
    vec2 part = at - floor(at);
    VALUE upper = mix(texel(corner, image, channel), texel(corner + ivec2(1, 0), image, channel), part.x);
    VALUE lower = mix(texel(corner + ivec2(0, 1), image, channel), texel(corner + 1, image, channel), part.x);
    return mix(upper, lower, part.y);
}
