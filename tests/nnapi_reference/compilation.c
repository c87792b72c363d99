/* Devices, compilations, executions, bursts and events, by the states that NeuralNetworks.h gives them. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "nn.h"

#define USE(object, kind) do { int c_ = check(object, kind, __func__ + 15); if (c_) return c_; } while (0)


#if LEVEL >= 31
int64_t ANeuralNetworks_getRuntimeFeatureLevel(void) { return LEVEL; }
#elif LEVEL >= 30
int ANeuralNetworksExecution_setTimeout(Execution *execution, uint64_t duration) {
    USE(execution, EXECUTION);
    return duration ? BAD_DATA : NO_ERROR; /* there are no deadlines here */
}
#endif

#if LEVEL >= 29
static const Device devices[] = {
    {"reference-accelerator", 4, LEVEL, true}, /* takes no POW, and no booleans */
    {"reference-cpu", 2, LEVEL, false},
    {"reference-old-gpu", 3, 29, false},
};
#define DEVICES 3

static const Device *found_device(const void *handle) {
    for (int k = 0; k < DEVICES; k++)
        if (handle == &devices[k]) return &devices[k];
    return NULL;
}
#endif

static int make_compilation(Model *model, const Device *device, Compilation **compilation) {
    if (compilation == NULL) return UNEXPECTED_NULL;
    *compilation = NULL;
    if (!model->finished) return BAD_STATE;
    *compilation = new_object(COMPILATION, sizeof **compilation);
    (*compilation)->model = model, (*compilation)->device = device, (*compilation)->preference = 1;
    (*compilation)->life = life;
    model->base.users++;
    return NO_ERROR;
}

int ANeuralNetworksCompilation_create(Model *model, Compilation **compilation) {
    USE(model, MODEL);
    return make_compilation(model, NULL, compilation);
}

#if LEVEL >= 29
int ANeuralNetworks_getDeviceCount(uint32_t *count) {
    if (count == NULL) return UNEXPECTED_NULL;
    *count = DEVICES;
    return NO_ERROR;
}

int ANeuralNetworks_getDevice(uint32_t index, const Device **device) {
    if (device == NULL) return UNEXPECTED_NULL;
    *device = NULL;
    if (index >= DEVICES) return BAD_DATA;
    *device = &devices[index];
    return NO_ERROR;
}

#define TELL(name, type, field) \
    int ANeuralNetworksDevice_get##name(const Device *device, type *result) { \
        if (device == NULL || result == NULL) return UNEXPECTED_NULL; \
        if (!found_device(device)) return BAD_DATA; \
        *result = field; \
        return NO_ERROR; \
    }
TELL(Name, const char *, device->name)
TELL(Type, int32_t, device->type)
TELL(Version, const char *, "1.0")
TELL(FeatureLevel, int64_t, device->level)

static bool takes(const Device *device, const Model *model, const Operation *operation) {
    if (level_needed(model->operands, operation) > device->level) return false;
    return !device->narrow || narrow_takes(model->operands, operation);
}

int ANeuralNetworksModel_getSupportedOperationsForDevices(Model *model, const Device *const *chosen, uint32_t count, bool *supported) {
    USE(model, MODEL);
    if (chosen == NULL || supported == NULL) return UNEXPECTED_NULL;
    if (!model->finished) return BAD_STATE;
    if (count == 0) return BAD_DATA;
    memset(supported, 0, model->n_operations);
    for (uint32_t d = 0; d < count; d++) {
        if (!found_device(chosen[d])) return chosen[d] ? BAD_DATA : UNEXPECTED_NULL;
        for (uint32_t e = 0; e < d; e++)
            if (chosen[e] == chosen[d]) return BAD_DATA;
        for (uint32_t k = 0; k < model->n_operations; k++) supported[k] |= takes(chosen[d], model, &model->operations[k]);
    }
    return NO_ERROR;
}

int ANeuralNetworksCompilation_createForDevices(Model *model, const Device *const *chosen, uint32_t count, Compilation **compilation) {
    USE(model, MODEL);
    if (chosen == NULL || compilation == NULL) return UNEXPECTED_NULL;
    if (count == 0 || !found_device(chosen[0])) return BAD_DATA;
    return make_compilation(model, chosen[0], compilation);
}

int ANeuralNetworksCompilation_setCaching(Compilation *compilation, const char *folder, const uint8_t *token) {
    USE(compilation, COMPILATION);
    if (folder == NULL || token == NULL) return UNEXPECTED_NULL;
    if (compilation->finished) return BAD_STATE;
    struct stat about;
    return stat(folder, &about) || !S_ISDIR(about.st_mode) ? BAD_DATA : NO_ERROR;
}
#endif

void ANeuralNetworksCompilation_free(Compilation *compilation) {
    if (release(compilation, COMPILATION, "Compilation_free") == NO_ERROR) compilation->model->base.users--;
}

int ANeuralNetworksCompilation_setPreference(Compilation *compilation, int32_t preference) {
    USE(compilation, COMPILATION);
    if (compilation->finished) return BAD_STATE;
    if (preference < 0 || preference > 2) return BAD_DATA;
    compilation->preference = preference;
    return NO_ERROR;
}

int ANeuralNetworksCompilation_finish(Compilation *compilation) {
    USE(compilation, COMPILATION);
    if (compilation->finished) return BAD_STATE;
    if (check(compilation->model, MODEL, "Compilation_finish")) return BAD_STATE;
    if (away) return DEAD_OBJECT;
#if LEVEL >= 29
    const Model *model = compilation->model;
    for (uint32_t k = 0; compilation->device && k < model->n_operations; k++)
        if (!takes(compilation->device, model, &model->operations[k])) return OP_FAILED;
#endif
    compilation->finished = true;
    return NO_ERROR;
}

int ANeuralNetworksExecution_create(Compilation *compilation, Execution **execution) {
    USE(compilation, COMPILATION);
    if (execution == NULL) return UNEXPECTED_NULL;
    *execution = NULL;
    if (!compilation->finished) return BAD_STATE;
    const Model *model = compilation->model;
    Execution *made = new_object(EXECUTION, sizeof *made);
    made->compilation = compilation, compilation->base.users++;
    made->inputs = calloc(model->n_inputs + 1, sizeof(Buffer)), made->outputs = calloc(model->n_outputs, sizeof(Buffer));
    made->ranks = calloc(model->n_outputs, sizeof(uint32_t)), made->dims = calloc(model->n_outputs, sizeof *made->dims);
    made->small = calloc(model->n_outputs, sizeof(bool));
    *execution = made;
    return NO_ERROR;
}

void ANeuralNetworksExecution_free(Execution *execution) {
    if (release(execution, EXECUTION, "Execution_free") != NO_ERROR) return;
    execution->compilation->base.users--;
    free(execution->inputs), free(execution->outputs), free(execution->ranks), free(execution->dims), free(execution->small);
}

static int set(Execution *execution, int32_t index, const OperandType *type, const void *buffer, size_t length, bool input) {
    if (execution->started) return BAD_STATE;
    const Model *model = execution->compilation->model;
    uint32_t count = input ? model->n_inputs : model->n_outputs;
    if (index < 0 || (uint32_t)index >= count || type != NULL) return BAD_DATA; /* no shapes are given late here */
    if (buffer == NULL) return UNEXPECTED_NULL;
    const Operand *operand = &model->operands[(input ? model->inputs : model->outputs)[index]];
    size_t size = operand->rank ? count_of(operand->rank, operand->dims) * size_of(operand->type) : 0;
    if (input ? size == 0 || length != size : size && length < size) return BAD_DATA;
    Buffer *at = &(input ? execution->inputs : execution->outputs)[index];
    if (at->set) return BAD_STATE;
    *at = (Buffer){(uint8_t *)buffer, length, true};
    return NO_ERROR;
}

int ANeuralNetworksExecution_setInput(Execution *execution, int32_t index, const OperandType *type, const void *buffer, size_t length) {
    USE(execution, EXECUTION);
    return set(execution, index, type, buffer, length, true);
}

int ANeuralNetworksExecution_setOutput(Execution *execution, int32_t index, const OperandType *type, void *buffer, size_t length) {
    USE(execution, EXECUTION);
    return set(execution, index, type, buffer, length, false);
}

static int started(Execution *execution, const char *where) {
    if (execution->started && !execution->reusable) return BAD_STATE;
    if (check(execution->compilation, COMPILATION, where) || check(execution->compilation->model, MODEL, where)) return BAD_STATE;
    const Model *model = execution->compilation->model;
    for (uint32_t k = 0; k < model->n_inputs; k++)
        if (!execution->inputs[k].set) return BAD_DATA;
    for (uint32_t k = 0; k < model->n_outputs; k++)
        if (!execution->outputs[k].set) return BAD_DATA;
    for (uint32_t k = 0; k < model->n_operands; k++) {
        const Operand *operand = &model->operands[k];
        if (operand->origin == CONSTANT && checksum(operand->value, operand->length) != operand->sum)
            breach(where, "a constant changed, or its memory is gone");
    }
    execution->started = execution->done = true;
    if (execution->compilation->life != life) return execution->result = DEAD_OBJECT;
    return execution->result = compute(model, execution);
}

int ANeuralNetworksExecution_startCompute(Execution *execution, Event **event) {
    USE(execution, EXECUTION);
    if (event == NULL) return UNEXPECTED_NULL;
    *event = NULL;
    int result = started(execution, "Execution_startCompute");
    if (result == BAD_STATE || result == BAD_DATA) return result;
    *event = new_object(EVENT, sizeof **event);
    (*event)->execution = execution, execution->base.users++;
    return NO_ERROR;
}

int ANeuralNetworksEvent_wait(Event *event) {
    USE(event, EVENT);
    return event->execution->result;
}

void ANeuralNetworksEvent_free(Event *event) {
    if (release(event, EVENT, "Event_free") == NO_ERROR) event->execution->base.users--;
}

#if LEVEL >= 29
int ANeuralNetworksExecution_compute(Execution *execution) {
    USE(execution, EXECUTION);
    return started(execution, "Execution_compute");
}

int ANeuralNetworksBurst_create(Compilation *compilation, Burst **burst) {
    USE(compilation, COMPILATION);
    if (burst == NULL) return UNEXPECTED_NULL;
    *burst = NULL;
    if (!compilation->finished) return BAD_STATE;
    *burst = new_object(BURST, sizeof **burst);
    (*burst)->compilation = compilation, compilation->base.users++;
    return NO_ERROR;
}

void ANeuralNetworksBurst_free(Burst *burst) {
    if (release(burst, BURST, "Burst_free") == NO_ERROR) burst->compilation->base.users--;
}

int ANeuralNetworksExecution_burstCompute(Execution *execution, Burst *burst) {
    USE(execution, EXECUTION);
    USE(burst, BURST);
    if (burst->compilation != execution->compilation) return BAD_DATA;
    return started(execution, "Execution_burstCompute");
}

static int told(Execution *execution, int32_t index, const void *result) {
    if (result == NULL) return UNEXPECTED_NULL;
    if (!execution->done) return BAD_STATE;
    if (index < 0 || (uint32_t)index >= execution->compilation->model->n_outputs) return BAD_DATA;
    return execution->small[index] ? OUTPUT_INSUFFICIENT_SIZE : NO_ERROR;
}

int ANeuralNetworksExecution_getOutputOperandRank(Execution *execution, int32_t index, uint32_t *rank) {
    USE(execution, EXECUTION);
    int result = told(execution, index, rank);
    if (result == NO_ERROR || result == OUTPUT_INSUFFICIENT_SIZE) *rank = execution->ranks[index];
    return result;
}

int ANeuralNetworksExecution_getOutputOperandDimensions(Execution *execution, int32_t index, uint32_t *dims) {
    USE(execution, EXECUTION);
    int result = told(execution, index, dims);
    if (result == NO_ERROR || result == OUTPUT_INSUFFICIENT_SIZE)
        memcpy(dims, execution->dims[index], execution->ranks[index] * sizeof *dims);
    return result;
}
#endif

#if LEVEL >= 31
int ANeuralNetworksExecution_setReusable(Execution *execution, bool reusable) {
    USE(execution, EXECUTION);
    if (execution->started) return BAD_STATE;
    execution->reusable = reusable;
    return NO_ERROR;
}
#endif
