// GELU of a half with every step rounded to half, as the reference has it. With lib/math.glsl and lib/half.glsl.

float half_gelu(float x) { return halved(0.5 * x) * halved(1.0 + erf(halved(0.70703125 * x))); }
EACH(half_gelu)

float half_gelu_tanh(float x) {
    float cube = halved(halved(x * x) * x);
    float inner = halved(x + halved(0.044708252 * cube));
    return halved(0.5 * x) * halved(1.0 + halved(hyperbolic_tangent(halved(0.7978515625 * inner))));
}
EACH(half_gelu_tanh)
