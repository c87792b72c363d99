/* RNN, LSTM and SVDF of floats, a step or a sequence, one way or both, as TFLite's reference kernels have them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "nn.h"

static const float *floats(const Value *v) { return v->omitted ? NULL : (const float *)v->data; }

/* sums[u] += sum over i of x[i] * w[u][i] */
static void multiply(const float *x, const Value *w, float *sums, uint32_t units, uint32_t size) {
    for (uint32_t u = 0; u < units && !w->omitted; u++) {
        double sum = 0;
        for (uint32_t i = 0; i < size; i++) sum += (double)x[i] * floats(w)[u * size + i];
        sums[u] += (float)sum;
    }
}

static float squashed(float x, int32_t code) {
    return code == 4 ? tanhf(x) : code == 6 ? 1 / (1 + expf(-x)) : activated(x, code);
}

static float clipped(float x, float limit) { return limit > 0 ? fmaxf(-limit, fminf(limit, x)) : x; }

/* A cell that goes along a sequence: its weights, a second input with weights of its own, and what it remembers.
   Of RNN: by the input, by its state, bias. Of LSTM 17, as its inputs 1 to 17 are. Norms may be NULL, second omitted. */
typedef struct {
    bool simple; Value **w, **second; const Value *const *norms; int32_t code; float cell_clip, clip;
    uint32_t size, wide, out, cells; float *h, *c, *room;
} Cell;

static void simple_step(const Cell *k, const float *x, const float *more) {
    memcpy(k->room, floats(k->w[2]), k->cells * sizeof(float));
    multiply(x, k->w[0], k->room, k->cells, k->size);
    if (more) multiply(more, k->second[0], k->room, k->cells, k->wide);
    multiply(k->h, k->w[1], k->room, k->cells, k->cells);
    for (uint32_t u = 0; u < k->cells; u++) k->h[u] = activated(k->room[u], k->code);
}

/* What goes into a gate's function: for each cell its sums, normalised over the cells where there are weights for it. */
static void gate(const Cell *k, int g, const float *x, const float *more, float *sums) {
    static const int peepholes[4] = {8, 9, -1, 10};
    const float *norm = k->norms ? floats(k->norms[g]) : NULL, *bias = floats(k->w[11 + g]);
    const float *peephole = peepholes[g] < 0 ? NULL : floats(k->w[peepholes[g]]);
    for (uint32_t u = 0; u < k->cells; u++) sums[u] = norm ? 0 : bias[u];
    multiply(x, k->w[g], sums, k->cells, k->size);
    if (more) multiply(more, k->second[g], sums, k->cells, k->wide);
    multiply(k->h, k->w[4 + g], sums, k->cells, k->out);
    for (uint32_t u = 0; u < k->cells && peephole; u++) sums[u] += k->c[u] * peephole[u];
    if (!norm) return;
    double mean = 0, square = 0;
    for (uint32_t u = 0; u < k->cells; u++) mean += sums[u], square += (double)sums[u] * sums[u];
    mean /= k->cells;
    double variance = square / k->cells - mean * mean, scale = 1 / sqrt(variance == 0 ? 1e-8 : variance);
    for (uint32_t u = 0; u < k->cells; u++) sums[u] = (float)((sums[u] - mean) * scale) * norm[u] + bias[u];
}

static void step(const Cell *k, const float *x, const float *more) {
    if (k->simple) { simple_step(k, x, more); return; }
    float *sums[4], *made = k->room + 4 * k->cells;
    for (int g = 0; g < 4; g++) sums[g] = k->room + (uint32_t)g * k->cells;
    bool coupled = k->w[0]->omitted;
    for (int g = coupled; g < 3; g++) gate(k, g, x, more, sums[g]);
    for (uint32_t u = 0; u < k->cells; u++) {
        float forget = squashed(sums[1][u], 6), enter = coupled ? 1 - forget : squashed(sums[0][u], 6);
        k->c[u] = clipped(forget * k->c[u] + enter * squashed(sums[2][u], k->code), k->cell_clip);
    }
    gate(k, 3, x, more, sums[3]); /* the output gate looks at the new cell */
    for (uint32_t u = 0; u < k->cells; u++) made[u] = squashed(sums[3][u], 6) * squashed(k->c[u], k->code);
    const Value *projection = k->w[15], *bias = k->w[16];
    if (projection->omitted) { memcpy(k->h, made, k->cells * sizeof *made); return; }
    for (uint32_t u = 0; u < k->out; u++) k->h[u] = bias->omitted ? 0 : floats(bias)[u];
    multiply(made, projection, k->h, k->out, k->cells);
    for (uint32_t u = 0; u < k->out; u++) k->h[u] = clipped(k->h[u], k->clip);
}

typedef struct { const Value *x, *more; bool major, back; uint32_t steps, batches; } Way; /* `more` may be omitted */

/* Runs along a sequence; each result goes to columns from `column` on of y. */
static void along(Cell cell, const Way *way, Value *y, uint32_t column, float *h, float *c) {
    uint32_t width = y->dims[y->rank - 1];
    cell.room = malloc((5 * cell.cells + cell.out) * sizeof *cell.room);
    for (uint32_t b = 0; b < way->batches; b++) {
        cell.h = h + b * cell.out, cell.c = c + b * cell.cells;
        for (uint32_t s = 0; s < way->steps; s++) {
            uint32_t at = way->back ? way->steps - 1 - s : s;
            size_t row = way->major ? (size_t)at * way->batches + b : (size_t)b * way->steps + at;
            step(&cell, floats(way->x) + row * cell.size, way->more->omitted ? NULL : floats(way->more) + row * cell.wide);
            memcpy((float *)y->data + row * width + column, cell.h, cell.out * sizeof *h);
        }
    }
    free(cell.room);
}

/* The next value of a state begins as a copy of it. */
static int kept(const Value *before, Value *after) {
    int result = like(after, before);
    if (!result) memcpy(after->data, before->data, count_of(before->rank, before->dims) * sizeof(float));
    return result;
}

static const Value nothing = {.omitted = true};

static Way way_of(const Value *x, bool sequence, bool major) {
    Way way = {x, &nothing, major, false, 1, x->dims[major ? 1 : 0]};
    if (sequence) way.steps = x->dims[major ? 0 : 1];
    return way;
}

static int result_of(Value *y, const Value *x, uint32_t width) {
    uint32_t dims[3] = {x->dims[0], x->dims[1], width};
    dims[x->rank - 1] = width;
    return shape(y, x->rank, dims);
}

static bool matrix(const Value *v, uint32_t rows, uint32_t columns) {
    return v->omitted || (v->rank == 2 && v->dims[0] == rows && v->dims[1] == columns);
}

static int simple_cell(Value **in, const Value *x, int32_t code, Cell *cell) { /* in: two matrices, bias, state */
    uint32_t units = in[0]->dims[0], size = x->dims[x->rank - 1];
    *cell = (Cell){.simple = true, .w = in, .code = code, .size = size, .out = units, .cells = units};
    if (code < 0 || code > 3) return BAD_DATA;
    return matrix(in[0], units, size) && matrix(in[1], units, units) && in[2]->dims[0] == units ? NO_ERROR : OP_FAILED;
}

static int rnn(int32_t code, Value **in, Value **out) {
    bool sequence = code == 93, major = sequence && integer(in[6]) == 1;
    const Value *x = in[0];
    Cell cell;
    if (x->rank != (sequence ? 3u : 2u)) return BAD_DATA;
    Way way = way_of(x, sequence, major);
    Value *y = out[sequence ? 0 : 1], *next = out[sequence ? 1 : 0];
    int result = simple_cell(in + 1, x, integer(in[5]), &cell);
    if (result || !matrix(in[4], way.batches, cell.out)) return result ? result : OP_FAILED;
    if ((result = result_of(y, x, cell.out)) || (result = kept(in[4], next))) return result;
    along(cell, &way, y, 0, (float *)next->data, NULL);
    return NO_ERROR;
}

static int long_cell(Value **w, const Value *x, const Value *h, const Value *c, Value **clips, Cell *cell) {
    uint32_t size = x->dims[x->rank - 1];
    if (h->rank != 2 || c->rank != 2) return BAD_DATA;
    *cell = (Cell){.w = w, .code = integer(clips[0]), .cell_clip = real(clips[1]), .clip = real(clips[2]),
                   .size = size, .out = h->dims[1], .cells = c->dims[1]};
    for (int g = 0; g < 4; g++)
        if (!matrix(w[g], cell->cells, size) || !matrix(w[4 + g], cell->cells, cell->out)) return OP_FAILED;
    return matrix(w[15], cell->out, cell->cells) ? NO_ERROR : OP_FAILED;
}

static int lstm(int32_t code, Value **in, uint32_t n_in, Value **out) {
    bool sequence = code == 92, major = sequence && truth(in[23]);
    const Value *x = in[0];
    if (x->rank != (sequence ? 3u : 2u)) return BAD_DATA;
    Cell cell;
    Way way = way_of(x, sequence, major);
    int result = long_cell(in + 1, x, in[18], in[19], in + 20, &cell);
    if (result || in[18]->dims[0] != way.batches) return result ? result : OP_FAILED;
    cell.norms = sequence ? (const Value *const *)in + 24 : n_in == 27 ? (const Value *const *)in + 23 : NULL;
    Value *y = out[sequence ? 0 : 3], *hidden = out[1], *state = out[2];
    uint32_t scratch[2] = {way.batches, (in[1]->omitted ? 3 : 4) * cell.cells};
    result = sequence ? NO_ERROR : shape(out[0], 2, scratch);
    if (result || (result = result_of(y, x, cell.out)) || (result = kept(in[18], hidden)) || (result = kept(in[19], state))) return result;
    along(cell, &way, y, 0, (float *)hidden->data, (float *)state->data);
    return NO_ERROR;
}

/* What the two ways read: a second input that has weights goes to both beside the first, else to the way back alone. */
static int link(const Value *more, Value **weights, uint32_t each, Way *ways, Cell *cells) {
    bool crossed = !weights[each == 1 ? 0 : 1]->omitted; /* LSTM's first gate may be absent */
    ways[1].back = true;
    if (more->omitted) return crossed ? BAD_DATA : NO_ERROR;
    if (more->rank != 3 || more->dims[0] != ways->x->dims[0] || more->dims[1] != ways->x->dims[1]) return OP_FAILED;
    if (!crossed) ways[1].x = more;
    for (uint32_t d = 0; d < 2 && crossed; d++) {
        ways[d].more = more, cells[d].second = weights + d * each, cells[d].wide = more->dims[2];
        for (uint32_t g = 0; g < each; g++)
            if (!matrix(cells[d].second[g], cells[d].cells, cells[d].wide)) return OP_FAILED;
    }
    return NO_ERROR;
}

/* Both ways: results, which may be one, then what each remembers, `each` values. */
static int both(const Cell *cells, const Way *ways, bool merged, Value **states, uint32_t each, Value **out) {
    Value **after = out + (merged ? 1 : 2);
    int result = result_of(out[0], ways->x, merged ? cells[0].out + cells[1].out : cells[0].out);
    if (!result && !merged) result = result_of(out[1], ways->x, cells[1].out);
    for (uint32_t k = 0; k < 2 * each && !result; k++) result = kept(states[k], after[k]);
    for (uint32_t d = 0; d < 2 && !result; d++) {
        float *c = each == 2 ? (float *)after[d * each + 1]->data : NULL;
        along(cells[d], &ways[d], merged ? out[0] : out[d], merged && d ? cells[0].out : 0, (float *)after[d * each]->data, c);
    }
    return result;
}

static int two_ways(int32_t code, Value **in, uint32_t n_out, Value **out) {
    bool simple = code == 43, merged = truth(in[simple ? 14 : 51]), major = truth(in[simple ? 13 : 52]);
    const Value *x = in[0], *more = in[simple ? 9 : 39];
    if (x->rank != 3 || n_out != (merged ? 1u : 2u) + (simple ? 2 : 4)) return BAD_DATA;
    Value **weights = in + (simple ? 10 : 40), *states[4] = {in[35], in[36], in[37], in[38]};
    if (simple) states[0] = in[4], states[1] = in[8];
    bool crossed = !weights[simple ? 0 : 1]->omitted;
    const Value *back = more->omitted || crossed ? x : more;
    Way ways[2] = {way_of(x, true, major), way_of(x, true, major)};
    Cell cells[2];
    for (int d = 0; d < 2; d++) {
        int result = simple ? simple_cell(in + (d ? 5 : 1), d ? back : x, integer(in[12]), &cells[d])
                            : long_cell(in + (d ? 18 : 1), d ? back : x, states[2 * d], states[2 * d + 1], in + 48, &cells[d]);
        if (result) return result;
        if (!simple) cells[d].norms = (const Value *const *)in + (d ? 57 : 53);
        if (states[simple ? d : 2 * d]->dims[0] != ways->batches) return OP_FAILED;
    }
    int result = link(more, weights, simple ? 1 : 4, ways, cells);
    return result ? result : both(cells, ways, merged, states, simple ? 1 : 2, out);
}

/* The newest of a filter's values lies in its last column while it is computed; what comes out is moved on by one. */
static int svdf(Value **in, Value **out) {
    const Value *x = in[0], *features = in[1], *times = in[2], *bias = in[3];
    uint32_t rank = (uint32_t)integer(in[5]), filters = features->dims[0], memory = times->dims[1], batches = x->dims[0];
    int32_t fuse = integer(in[6]);
    if (x->rank != 2 || rank < 1 || filters % rank || fuse < 0 || fuse > 3) return BAD_DATA;
    uint32_t units = filters / rank, dims[2] = {batches, units};
    if (!matrix(features, filters, x->dims[1]) || !matrix(times, filters, memory) || !matrix(in[4], batches, filters * memory)) return OP_FAILED;
    int result = kept(in[4], out[0]);
    if (result || (result = shape(out[1], 2, dims))) return result;
    float *newest = malloc(filters * sizeof *newest), *y = (float *)out[1]->data;
    for (uint32_t b = 0; b < batches; b++) {
        float *kept = (float *)out[0]->data + (size_t)b * filters * memory;
        memset(newest, 0, filters * sizeof *newest);
        multiply(floats(x) + b * x->dims[1], features, newest, filters, x->dims[1]);
        for (uint32_t u = 0; u < units; u++) {
            double sum = bias->omitted ? 0 : floats(bias)[u];
            for (uint32_t f = u * rank; f < (u + 1) * rank; f++) {
                kept[(f + 1) * memory - 1] = newest[f];
                for (uint32_t m = 0; m < memory; m++) sum += (double)kept[f * memory + m] * floats(times)[f * memory + m];
            }
            y[b * units + u] = activated((float)sum, fuse);
        }
        for (uint32_t f = 0; f < filters; f++, kept += memory)
            memmove(kept, kept + 1, (memory - 1) * sizeof *kept), kept[memory - 1] = 0;
    }
    free(newest);
    return NO_ERROR;
}

int recurrent(int32_t code, Value **in, uint32_t n_in, Value **out, uint32_t n_out) {
    switch (code) {
        case 24: case 93: return rnn(code, in, out);
        case 16: case 92: return lstm(code, in, n_in, out);
        case 42: case 43: return two_ways(code, in, n_out, out);
        case 27: return svdf(in, out);
        default: return INCOMPLETE;
    }
}
