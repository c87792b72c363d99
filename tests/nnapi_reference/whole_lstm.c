/* QUANTIZED_LSTM and QUANTIZED_16BIT_LSTM: integers, whose gates and cells have 16 bits, in fixed point as TFLite has it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "nn.h"

static int32_t within16(int32_t x) { return clamp(x, -32768, 32767); }
static int32_t high16(int32_t a, int32_t b) { return clamp((a * b + (1 << 14)) >> 15, -32768, 32767); }
static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

/* exp(x) for x <= 0 with some integer bits: a series for what lies above the last quarter, times exp(-2 ** k) for each
   k from -2 on that is in the rest. */
static int32_t exp_of_negative(int32_t x, int bits) {
    static const int32_t powers[7] = {25520, 19875, 12055, 4435, 600, 11, 0};
    if (x == 0) return 32767;
    if (bits > 5 && x < -(1 << (20 - bits))) return 0;
    int32_t quarter = 1 << (13 - bits), last = (x & (quarter - 1)) - quarter;
    int32_t y = (int32_t)((uint32_t)last << bits) + (1 << 12), square = high16(y, y);
    int32_t sum = divided(high16(square, square), 2) + high16(square, y);
    int32_t r = least(28918 + high16(28918, y + divided(high16(sum, 10923) + square, 1)), 32767);
    for (int k = 0; k < bits + 2 && k < 7; k++)
        if ((last - x) & (quarter << k)) r = high16(r, powers[k]);
    return r;
}

/* 1 / (1 + x) for x from 0 to 1, by Newton's method, with 2 integer bits. */
static int32_t reciprocal(int32_t x) {
    int32_t half = (x + 32768) >> 1, y = 23130 + high16(half, -15420);
    for (int k = 0; k < 3; k++) y += within16(high16(y, 8192 - high16(half, y)) * 4);
    return y;
}

static int32_t logistic(int32_t x) {
    int32_t r = within16(reciprocal(exp_of_negative(-abs(x), 3)) * 2);
    return x == 0 ? 16384 : x > 0 ? r : 32767 - r;
}

static int32_t tangent(int32_t x, int bits) {
    int32_t r = within16((reciprocal(exp_of_negative(-abs(x), bits + 1)) - 8192) * 4);
    return x == 0 ? 0 : x > 0 ? r : -r;
}

static int32_t raised(int32_t x, int k) {
    int32_t most = INT32_MAX >> k;
    return x > most ? INT32_MAX : x < -most ? INT32_MIN : (int32_t)((uint32_t)x << k);
}

/* 1 / sqrt(x) as a multiplier and a shift, by Newton's method. */
static void inverse_root(int32_t x, int32_t *y, int *shift) {
    if (x <= 1) { *y = INT32_MAX, *shift = 0; return; }
    int down = 11;
    for (; x >= 1 << 29; x /= 4) down++;
    int pairs = (__builtin_clz((unsigned)x) - 1) / 2 - 1;
    down -= pairs;
    int32_t whole = (x << 2 * pairs) >> 1, half = divided(whole, 1), r = 1 << 28;
    for (int k = 0; k < 5; k++) {
        int32_t cube = raised(high_product(high_product(r, r), r), 6);
        r = raised(high_product(402653184, r) - high_product(half, cube), 3);
    }
    r = high_product(r, 1518500250); /* half the root of 2 */
    *y = down < 0 ? r << -down : r, *shift = down < 0 ? 0 : -down;
}

/* Sums of a gate less their mean, over their deviation, by weights and with biases. */
static void normalize(int32_t *sums, const Value *weights, const Value *bias, uint32_t n) {
    int64_t sum = 0, squares = 0;
    for (uint32_t u = 0; u < n; u++) sum += sums[u], squares += (int64_t)sums[u] * sums[u];
    int32_t mean = (int32_t)(sum * 1024 / n), whole, m;
    int64_t variance = squares * ((1 << 20) / n) - (int64_t)mean * mean;
    int32_t units = (int32_t)(variance / (1 << 20)), floor = (int32_t)(10000 * weights->scale);
    int shift, s;
    inverse_root(units < 1 ? (floor < 1 ? 1 : floor) : units, &whole, &shift);
    multiplier(weights->scale, &m, &s);
    for (uint32_t u = 0; u < n; u++) {
        int32_t x = rescale(1024 * sums[u] - mean, whole, shift) * read_raw(weights, u) + read_raw(bias, u);
        x = (x > 0 ? x + 512 : x - 512) / 1024;
        sums[u] = within16(rescale(x, m, s + 12));
    }
}

/* Adds what a batch's values give the units by weights, in steps of a gate's scale. */
static void add_products(const Value *x, size_t row, const Value *w, float scale, int32_t *sums) {
    int32_t m;
    int s;
    uint32_t units = w->dims[0], size = w->dims[1];
    multiplier(w->scale * x->scale / scale, &m, &s);
    for (uint32_t u = 0; u < units; u++) {
        int32_t sum = 0;
        for (uint32_t i = 0; i < size; i++) sum += (read_raw(x, row * size + i) - x->zero) * read_raw(w, (size_t)u * size + i);
        sums[u] = within16(sums[u] + rescale(sum, m, s));
    }
}

typedef struct { int32_t *gates[4], *made; float sums[4], scale; int32_t zero, clip; int bits; uint32_t units, out; } Whole;

/* The gates of a batch; biases count where sums are normalised alone, as Android's own implementation has it. */
static void gates_of(Value **in, const Whole *k, uint32_t b) {
    for (int g = 0; g < 4; g++) {
        if (in[1 + g]->omitted) continue;
        memset(k->gates[g], 0, k->units * sizeof(int32_t));
        add_products(in[0], b, in[1 + g], k->sums[g], k->gates[g]);
        add_products(in[18], b, in[5 + g], k->sums[g], k->gates[g]);
        if (!in[20 + g]->omitted) normalize(k->gates[g], in[20 + g], in[12 + g], k->units);
    }
}

/* What the units give goes out as it is, or projected. */
static void project(Value **in, const Whole *k, Value *y, uint32_t b) {
    int32_t m;
    int s;
    const Value *w = in[16], *bias = in[17];
    if (!w->omitted) multiplier(w->scale * k->scale / in[18]->scale, &m, &s);
    for (uint32_t u = 0; u < k->out; u++) {
        int32_t sum = w->omitted ? k->made[u] : bias->omitted ? 0 : read_raw(bias, u), zero = bias->omitted ? 0 : k->zero;
        for (uint32_t i = 0; i < k->units && !w->omitted; i++) sum += (k->made[i] + zero) * read_raw(w, (size_t)u * k->units + i);
        write_raw(y, (size_t)b * k->out + u, w->omitted ? sum : clamp(rescale(sum, m, s) + in[18]->zero, -128, 127));
    }
}

static bool fits(const Value *w, uint32_t rows, uint32_t columns) {
    return w->omitted || (w->rank == 2 && w->dims[0] == rows && w->dims[1] == columns);
}

static int quantized_lstm(Value **in, Value **out) {
    const Value *x = in[0], *cell = in[19];
    if (x->rank != 2 || in[18]->rank != 2 || cell->rank != 2 || in[18]->dims[0] != x->dims[0] || cell->dims[0] != x->dims[0]) return BAD_DATA;
    Whole k = {.units = cell->dims[1], .out = in[18]->dims[1], .zero = integer(in[30]), .scale = real(in[31])};
    int log, result;
    if (frexpf(cell->scale, &log) != 0.5f || log - 1 > -9 || log - 1 < -15) return BAD_DATA;
    k.bits = 15 + log - 1, k.clip = (int32_t)fminf(real(in[24]) / cell->scale, 32767.0f);
    for (int g = 0; g < 4; g++) {
        k.sums[g] = real(in[26 + g]);
        if (!fits(in[1 + g], k.units, x->dims[1]) || !fits(in[5 + g], k.units, k.out)) return OP_FAILED;
    }
    if (!fits(in[16], k.out, k.units) || (in[16]->omitted && k.out != k.units)) return OP_FAILED;
    if ((result = like(out[0], in[18])) || (result = like(out[1], cell)) || (result = like(out[2], in[18]))) return result;
    int32_t *room = malloc(5 * k.units * sizeof *room), m;
    for (int g = 0; g < 4; g++) k.gates[g] = room + (uint32_t)g * k.units;
    k.made = room + 4 * k.units;
    int s;
    multiplier((float)(ldexp(1, -15) / (double)k.scale * ldexp(1, -15)), &m, &s);
    for (uint32_t b = 0; b < x->dims[0]; b++) {
        gates_of(in, &k, b);
        for (uint32_t u = 0; u < k.units; u++) {
            size_t at = (size_t)b * k.units + u;
            int32_t forget = logistic(k.gates[1][u]), enter = in[1]->omitted ? 32767 - forget : logistic(k.gates[0][u]);
            int32_t c = divided(forget * read_raw(cell, at), 15) + divided(enter * tangent(k.gates[2][u], 3), 15 + k.bits);
            c = within16(c);
            if (k.clip > 0) c = clamp(c, -k.clip, k.clip);
            write_raw(out[1], at, c);
            int32_t made = rescale(logistic(k.gates[3][u]) * tangent(c, k.bits), m, s);
            k.made[u] = clamp(made - k.zero, -128, 127); /* so both TFLite and Android have it */
        }
        project(in, &k, out[2], b);
    }
    memcpy(out[0]->data, out[2]->data, count_of(2, out[2]->dims));
    free(room);
    return NO_ERROR;
}

/* `rescale` with halves up both times, as the vector instructions round by which TFLite's reference kernel computes this. */
static int32_t halves_up(int32_t x, int32_t whole, int shift) {
    int down = shift < 0 ? -shift : 0;
    int64_t half = down ? 1ll << (down - 1) : 0;
    return (int32_t)((high_product(shift > 0 ? (int32_t)((uint32_t)x << shift) : x, whole) + half) >> down);
}

/* Of unsigned bytes; weights and biases by gate: input, forget, cell, output. */
static int quantized_16bit_lstm(Value **in, Value **out) {
    const Value *x = in[0], *cell = in[13], *before = in[14];
    int result = like(out[0], cell), s;
    if (result || (result = like(out[1], before))) return result;
    uint32_t units = cell->dims[1], size = x->dims[1];
    for (int g = 0; g < 4; g++)
        if (!fits(in[1 + g], units, size) || !fits(in[5 + g], units, units)) return OP_FAILED;
    int32_t m, sums[4];
    multiplier(4096.0 * (double)in[9]->scale, &m, &s);
    for (size_t at = 0, n = (size_t)x->dims[0] * units; at < n; at++) {
        size_t b = at / units, u = at % units;
        for (int g = 0; g < 4; g++) {
            const Value *w = in[1 + g], *r = in[5 + g];
            int32_t sum = read_raw(in[9 + g], u);
            for (uint32_t i = 0; i < size; i++) sum += (read_raw(x, b * size + i) - x->zero) * (read_raw(w, u * size + i) - w->zero);
            for (uint32_t i = 0; i < units; i++) sum += (read_raw(before, b * units + i) - before->zero) * (read_raw(r, u * units + i) - r->zero);
            sums[g] = within16(halves_up(sum, m, s));
        }
        int32_t c = divided(high16(logistic(sums[0]), tangent(sums[2], 3)), 4) + high16(logistic(sums[1]), read_raw(cell, at));
        c = within16(c);
        write_raw(out[0], at, c);
        write_raw(out[1], at, 128 + clamp(divided(high16(logistic(sums[3]), tangent(c, 4)), 8), -128, 127));
    }
    return NO_ERROR;
}

int whole_lstm(int32_t code, Value **in, uint32_t n_in, Value **out, uint32_t n_out) {
    (void)n_in, (void)n_out;
    return code == 95 ? quantized_lstm(in, out) : code == 73 ? quantized_16bit_lstm(in, out) : INCOMPLETE;
}
