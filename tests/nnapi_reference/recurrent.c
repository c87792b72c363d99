/* RNN and LSTM of floats, a step or a sequence, as TFLite's reference kernels have them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "nn.h"

static const float *floats(const Value *v) { return v->omitted ? NULL : (const float *)v->data; }

/* sums[b][u] += sum over i of x[b][i] * w[u][i] */
static void multiply(const float *x, const float *w, float *sums, uint32_t batches, uint32_t units, uint32_t size) {
    for (uint32_t b = 0; b < batches; b++)
        for (uint32_t u = 0; u < units; u++) {
            double sum = 0;
            for (uint32_t i = 0; i < size; i++) sum += (double)x[b * size + i] * w[u * size + i];
            sums[b * units + u] += (float)sum;
        }
}

static float squashed(float x, int32_t code) {
    return code == 4 ? tanhf(x) : code == 6 ? 1 / (1 + expf(-x)) : activated(x, code);
}

static int rnn(int32_t code, Value **in, Value **out) {
    bool sequence = code == 93, major = sequence && integer(in[6]) == 1;
    const Value *x = in[0], *w = in[1];
    int32_t fuse = integer(in[5]);
    if (x->rank != (sequence ? 3u : 2u) || w->rank != 2 || fuse < 0 || fuse > 3) return BAD_DATA;
    uint32_t units = w->dims[0], size = w->dims[1], batches = x->dims[major ? 1 : 0];
    uint32_t steps = sequence ? x->dims[major ? 0 : 1] : 1, dims[3] = {x->dims[0], sequence ? x->dims[1] : units, units};
    if (x->dims[x->rank - 1] != size || in[2]->dims[0] != units || in[4]->dims[0] != batches) return OP_FAILED;
    Value *y = out[sequence ? 0 : 1], *next = out[sequence ? 1 : 0];
    int result = shape(y, x->rank, dims);
    if (result || (result = like(next, in[4]))) return result;
    float *state = (float *)next->data, *sums = malloc(units * sizeof *sums);
    memcpy(state, in[4]->data, count_of(2, in[4]->dims) * sizeof *state);
    for (uint32_t s = 0; s < steps; s++)
        for (uint32_t b = 0; b < batches; b++) {
            size_t row = major ? (size_t)s * batches + b : (size_t)b * steps + s;
            memcpy(sums, in[3]->data, units * sizeof *sums);
            multiply(floats(x) + row * size, floats(w), sums, 1, units, size);
            multiply(state + b * units, floats(in[2]), sums, 1, units, units);
            for (uint32_t u = 0; u < units; u++) state[b * units + u] = activated(sums[u], fuse);
            memcpy((float *)y->data + row * units, state + b * units, units * sizeof *state);
        }
    free(sums);
    return NO_ERROR;
}

typedef struct { const float *input, *recurrent, *peephole, *bias, *norm; } Gate;

/* What goes into a gate's function: for each cell its sums, normalised over the cells where there are weights for it. */
static void gate(const Gate *g, const float *x, const float *h, const float *c, float *sums, uint32_t size, uint32_t out, uint32_t cells) {
    for (uint32_t u = 0; u < cells; u++) sums[u] = g->norm ? 0 : g->bias[u];
    multiply(x, g->input, sums, 1, cells, size);
    multiply(h, g->recurrent, sums, 1, cells, out);
    for (uint32_t u = 0; u < cells && g->peephole; u++) sums[u] += c[u] * g->peephole[u];
    if (!g->norm) return;
    double mean = 0, square = 0;
    for (uint32_t u = 0; u < cells; u++) mean += sums[u], square += (double)sums[u] * sums[u];
    mean /= cells;
    double variance = square / cells - mean * mean, scale = 1 / sqrt(variance == 0 ? 1e-8 : variance);
    for (uint32_t u = 0; u < cells; u++) sums[u] = (float)((sums[u] - mean) * scale) * g->norm[u] + g->bias[u];
}

static float clipped(float x, float limit) { return limit > 0 ? fmaxf(-limit, fminf(limit, x)) : x; }

static void step(Value **in, const Value *const *norms, const float *x, float *h, float *c, uint32_t size, uint32_t out, uint32_t cells, float *room) {
    static const int input[4] = {1, 2, 3, 4}, recurrent[4] = {5, 6, 7, 8}, peephole[4] = {9, 10, 0, 11}, bias[4] = {12, 13, 14, 15};
    int32_t code = integer(in[20]);
    float *sums[4] = {room, room + cells, room + 2 * cells, room + 3 * cells}, *made = room + 4 * cells;
    bool coupled = in[1]->omitted;
    for (int k = 0; k < 4; k++) {
        if (k == 3) /* the output gate looks at the new cell */
            for (uint32_t u = 0; u < cells; u++) {
                float forget = squashed(sums[1][u], 6), enter = coupled ? 1 - forget : squashed(sums[0][u], 6);
                c[u] = clipped(forget * c[u] + enter * squashed(sums[2][u], code), real(in[21]));
            }
        if (k == 0 && coupled) continue;
        Gate g = {floats(in[input[k]]), floats(in[recurrent[k]]), peephole[k] ? floats(in[peephole[k]]) : NULL,
                  floats(in[bias[k]]), norms ? floats(norms[k]) : NULL};
        gate(&g, x, h, c, sums[k], size, out, cells);
    }
    for (uint32_t u = 0; u < cells; u++) made[u] = squashed(sums[3][u], 6) * squashed(c[u], code);
    if (in[16]->omitted) { memcpy(h, made, cells * sizeof *h); return; }
    for (uint32_t u = 0; u < out; u++) h[u] = in[17]->omitted ? 0 : floats(in[17])[u];
    multiply(made, floats(in[16]), h, 1, out, cells);
    for (uint32_t u = 0; u < out; u++) h[u] = clipped(h[u], real(in[22]));
}

static int lstm(int32_t code, Value **in, uint32_t n_in, Value **out) {
    bool sequence = code == 92, major = sequence && truth(in[23]);
    const Value *x = in[0];
    if (x->rank != (sequence ? 3u : 2u) || in[18]->rank != 2 || in[19]->rank != 2) return BAD_DATA;
    uint32_t size = x->dims[x->rank - 1], width = in[18]->dims[1], cells = in[19]->dims[1], batches = x->dims[major ? 1 : 0];
    uint32_t steps = sequence ? x->dims[major ? 0 : 1] : 1, dims[3] = {x->dims[0], sequence ? x->dims[1] : width, width};
    if (in[2]->dims[0] != cells || in[2]->dims[1] != size || in[6]->dims[1] != width || in[18]->dims[0] != batches) return OP_FAILED;
    Value *y = out[sequence ? 0 : 3], *hidden = out[1], *cell = out[2];
    const Value *const *norms = sequence ? (const Value *const *)in + 24 : n_in == 27 ? (const Value *const *)in + 23 : NULL;
    uint32_t scratch[2] = {batches, (in[1]->omitted ? 3 : 4) * cells};
    int result = sequence ? NO_ERROR : shape(out[0], 2, scratch);
    if (result || (result = shape(y, x->rank, dims)) || (result = like(hidden, in[18])) || (result = like(cell, in[19]))) return result;
    float *h = (float *)hidden->data, *c = (float *)cell->data, *room = malloc((5 * cells + width) * sizeof *room);
    memcpy(h, in[18]->data, (size_t)batches * width * sizeof *h);
    memcpy(c, in[19]->data, (size_t)batches * cells * sizeof *c);
    for (uint32_t s = 0; s < steps; s++)
        for (uint32_t b = 0; b < batches; b++) {
            size_t row = major ? (size_t)s * batches + b : (size_t)b * steps + s;
            step(in, norms, floats(x) + row * size, h + b * width, c + b * cells, size, width, cells, room);
            memcpy((float *)y->data + row * width, h + b * width, width * sizeof *h);
        }
    free(room);
    return NO_ERROR;
}

int recurrent(int32_t code, Value **in, uint32_t n_in, Value **out, uint32_t n_out) {
    (void)n_out;
    switch (code) {
        case 24: case 93: return rnn(code, in, out);
        case 16: case 92: return lstm(code, in, n_in, out);
        default: return INCOMPLETE;
    }
}
