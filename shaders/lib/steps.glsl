// The nearest of the reals that quantised values stand for: `scale` times a whole number from `low` to `high`.

float stepped(float x, float scale, float low, float high) { return clip(floor(x / scale + 0.5), low, high) * scale; }
vec4 stepped(vec4 x, float scale, float low, float high) { return clip(floor(x / scale + 0.5), low, high) * scale; }
