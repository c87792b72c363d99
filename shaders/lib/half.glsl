// Whether a float, or one of four, is finite and would be infinite in half.

bool beyond_half(float x) { return abs(x) >= 65520.0 && abs(x) <= 3.4028235e38; }
bool beyond_half(vec4 x) { return beyond_half(x.x) || beyond_half(x.y) || beyond_half(x.z) || beyond_half(x.w); }
