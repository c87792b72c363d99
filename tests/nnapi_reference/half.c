/* Half floats: an operation on them is one on floats, of which the results are rounded. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "nn.h"

static float widened(uint16_t half) {
    int exponent = half >> 10 & 31, fraction = half & 1023;
    float size = exponent == 31 ? (fraction ? NAN : INFINITY) : exponent ? ldexpf((float)(1024 + fraction), exponent - 25) : ldexpf((float)fraction, -24);
    return half >> 15 ? -size : size;
}

/* The nearest half, of two that are as near the even one. */
static uint16_t narrowed(float x) {
    uint16_t sign = signbit(x) ? 0x8000 : 0;
    float size = fabsf(x);
    if (isnan(x)) return 0x7e00;
    if (size >= 65520) return sign | 0x7c00;
    int exponent;
    frexpf(size, &exponent); /* size = 0.5 to 1 times 2 ** exponent */
    if (size < 6.103515625e-05f) return sign | (uint16_t)nearbyintf(ldexpf(size, 24)); /* may become the least normal one */
    return sign | (uint16_t)(((exponent + 13) << 10) + (int)nearbyintf(ldexpf(size, 11 - exponent))); /* which has 1024 in it */
}

static bool is_half(const Value *v) { return v->type == T_FLOAT16 || v->type == FLOAT16; }

bool has_halves(Value **values, uint32_t count) {
    for (uint32_t k = 0; k < count; k++)
        if (is_half(values[k])) return true;
    return false;
}

Value *widen(Value **values, uint32_t count, Value **to) {
    Value *wide = calloc(count, sizeof *wide);
    for (uint32_t k = 0; k < count; k++) {
        const Value *v = values[k];
        wide[k] = *v, to[k] = is_half(v) ? &wide[k] : values[k];
        if (!is_half(v)) continue;
        size_t n = count_of(v->rank, v->dims);
        wide[k].type = v->type == T_FLOAT16 ? T_FLOAT32 : FLOAT32;
        if (v->omitted || v->data == NULL) continue; /* not made yet */
        float *numbers = malloc((n + 1) * sizeof *numbers);
        for (size_t i = 0; i < n; i++) {
            uint16_t half;
            memcpy(&half, v->data + 2 * i, 2);
            numbers[i] = widened(half);
        }
        wide[k].data = (uint8_t *)numbers;
    }
    return wide;
}

void narrow(Value **values, uint32_t count, Value *wide) {
    for (uint32_t k = 0; k < count; k++) {
        Value *v = values[k];
        if (!is_half(v) || wide[k].data == NULL) continue;
        size_t n = count_of(wide[k].rank, wide[k].dims);
        v->rank = wide[k].rank, v->owned = true, v->data = calloc(n + 1, 2);
        memcpy(v->dims, wide[k].dims, sizeof v->dims);
        for (size_t i = 0; i < n; i++) {
            float number;
            memcpy(&number, wide[k].data + 4 * i, 4);
            uint16_t half = narrowed(number);
            memcpy(v->data + 2 * i, &half, 2);
        }
    }
}

void free_wide(Value **values, uint32_t count, Value *wide) {
    for (uint32_t k = 0; k < count; k++)
        if (is_half(values[k]) && !values[k]->omitted) free(wide[k].data);
    free(wide);
}
