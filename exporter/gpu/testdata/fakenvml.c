// A libnvidia-ml.so.1 of eight GPUs for tests: the real binding loads it, so
// that its ways to hang and to end a process are tried for real. It has only
// the functions below: whatever else is called ends the process, as with an old
// driver. Each takes about as long as NVIDIA's does.
//
// The file that FAKE_NVML names says how it behaves: ok, none (no driver), hang,
// abort, lost (GPU 3 is lost). The file FAKE_NVML.xid holds a code to report.
#define NVML_NO_UNVERSIONED_FUNC_DEFS
#include "nvml.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct nvmlDevice_st { int index; unsigned long long energy; } gpus[8];
static int counter;
static const nvmlDevice_t none;

static int mode(const char *name) {
	char text[32] = "ok", *path = getenv("FAKE_NVML");
	FILE *f = path ? fopen(path, "r") : NULL;
	if (f) {
		if (fscanf(f, "%31s", text) != 1) strcpy(text, "ok");
		fclose(f);
	}
	return !strcmp(text, name);
}

static nvmlReturn_t call(nvmlDevice_t d, int microseconds) {
	if (++counter % 64 == 0 || microseconds > 1000) { // looked at often enough
		while (mode("hang")) sleep(1);
		if (mode("abort")) abort();
	}
	usleep(microseconds);
	if (d.handle && d.handle->index == 3 && mode("lost")) return NVML_ERROR_GPU_IS_LOST;
	return NVML_SUCCESS;
}
#define CALL(d, us) do { nvmlReturn_t r = call(d, us); if (r != NVML_SUCCESS) return r; } while (0)

nvmlReturn_t nvmlInit_v2(void) {
	for (int i = 0; i < 8; i++) gpus[i].index = i;
	return mode("none") ? NVML_ERROR_DRIVER_NOT_LOADED : NVML_SUCCESS;
}
nvmlReturn_t nvmlShutdown(void) { return NVML_SUCCESS; }
const char *nvmlErrorString(nvmlReturn_t r) { return r == NVML_SUCCESS ? "success" : "an error"; }
nvmlReturn_t nvmlSystemGetDriverVersion(char *v, unsigned int n) { snprintf(v, n, "570.86.15"); return call(none, 5); }
nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *v) { *v = 12080; return call(none, 5); }
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *n) { *n = 8; return call(none, 5); }
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int i, nvmlDevice_t *d) { d->handle = &gpus[i]; return call(none, 5); }
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t d, char *v, unsigned int n) { snprintf(v, n, "GPU-%d", d.handle->index); return call(none, 5); }
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t d, char *v, unsigned int n) { snprintf(v, n, "NVIDIA A100-SXM4-80GB"); return call(none, 5); }
nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t d, nvmlPciInfo_t *p) { memset(p, 0, sizeof *p); snprintf(p->busId, sizeof p->busId, "00000000:%02X:00.0", d.handle->index); return call(none, 5); }
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t d, nvmlUtilization_t *u) { CALL(d, 30); u->gpu = 80; u->memory = 40; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t d, nvmlSamplingType_t t, unsigned long long since, nvmlValueType_t *type, unsigned int *n, nvmlSample_t *s) {
	CALL(d, 100);
	*type = NVML_VALUE_TYPE_UNSIGNED_INT;
	if (!s) { *n = 60; return NVML_SUCCESS; }
	for (unsigned int i = 0; i < *n; i++) { s[i].timeStamp = since + 166666 * (i + 1); s[i].sampleValue.ulVal = 0; s[i].sampleValue.uiVal = 75; }
	return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t d, unsigned int *u, unsigned int *p) { CALL(d, 20); *u = 0; *p = 100; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetDecoderUtilization(nvmlDevice_t d, unsigned int *u, unsigned int *p) { CALL(d, 20); *u = 0; *p = 100; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t d, nvmlBAR1Memory_t *m) { CALL(d, 20); m->bar1Total = 1ull << 37; m->bar1Used = 1 << 22; m->bar1Free = m->bar1Total - m->bar1Used; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t d, nvmlMemory_t *m) { CALL(d, 20); m->total = 80ull << 30; m->used = 20ull << 30; m->free = m->total - m->used; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t d, unsigned int *v) { CALL(d, 200); *v = 300000 + d.handle->index; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t d, unsigned int *v) { CALL(d, 20); *v = 400000; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t d, unsigned long long *v) { CALL(d, 50); *v = d.handle->energy += 1000; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t d, nvmlTemperatureSensors_t s, unsigned int *v) { CALL(d, 50); *v = 55; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t d, nvmlTemperatureThresholds_t t, unsigned int *v) { CALL(d, 10); *v = 90; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetFanSpeed(nvmlDevice_t d, unsigned int *v) { return NVML_ERROR_NOT_SUPPORTED; }
nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t d, nvmlClockType_t t, unsigned int *v) { CALL(d, 30); *v = 1410; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t d, nvmlClockType_t t, unsigned int *v) { CALL(d, 5); *v = 1410; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetPerformanceState(nvmlDevice_t d, nvmlPstates_t *p) { CALL(d, 20); *p = NVML_PSTATE_0; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t d, unsigned long long *v) { CALL(d, 50); *v = 4; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetViolationStatus(nvmlDevice_t d, nvmlPerfPolicyType_t t, nvmlViolationTime_t *v) { CALL(d, 50); v->referenceTime = 0; v->violationTime = 1000000000ull * (t + 1); return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t d, nvmlMemoryErrorType_t t, nvmlEccCounterType_t c, unsigned long long *v) { CALL(d, 300); *v = 0; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t d, nvmlEnableState_t *c, nvmlEnableState_t *p) { CALL(d, 10); *c = *p = NVML_FEATURE_ENABLED; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetRetiredPages(nvmlDevice_t d, nvmlPageRetirementCause_t c, unsigned int *n, unsigned long long *a) { return NVML_ERROR_NOT_SUPPORTED; }
nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t d, unsigned int *c, unsigned int *u, unsigned int *p, unsigned int *f) { CALL(d, 500); *c = 1; *u = *p = *f = 0; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetPcieReplayCounter(nvmlDevice_t d, unsigned int *v) { CALL(d, 100); *v = 0; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetCurrPcieLinkGeneration(nvmlDevice_t d, unsigned int *v) { CALL(d, 20); *v = 4; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetCurrPcieLinkWidth(nvmlDevice_t d, unsigned int *v) { CALL(d, 20); *v = 16; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t d, nvmlPcieUtilCounter_t c, unsigned int *v) { CALL(d, 20000); *v = 1000; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t d, unsigned int l, nvmlEnableState_t *s) { if (l >= 12) return NVML_ERROR_INVALID_ARGUMENT; CALL(d, 20); *s = NVML_FEATURE_ENABLED; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t d, unsigned int *n, nvmlProcessInfo_t *p) {
	CALL(d, 1500);
	if (*n < 1 || !p) { *n = 1; return NVML_ERROR_INSUFFICIENT_SIZE; }
	*n = 1; memset(p, 0, sizeof *p); p->pid = 4242; p->usedGpuMemory = 19ull << 30;
	return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t d, unsigned int *n, nvmlProcessInfo_t *p) { CALL(d, 1500); *n = 0; return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t d, nvmlProcessUtilizationSample_t *s, unsigned int *n, unsigned long long since) {
	CALL(d, 500);
	if (!s) { *n = 1; return NVML_ERROR_INSUFFICIENT_SIZE; }
	*n = 1; memset(s, 0, sizeof *s); s->pid = 4242; s->timeStamp = since + 1; s->smUtil = 75;
	return NVML_SUCCESS;
}
nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *s) { s->handle = (void *)&counter; return NVML_SUCCESS; }
nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t s) { return NVML_SUCCESS; }
nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t d, unsigned long long types, nvmlEventSet_t s) { return NVML_SUCCESS; }
nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t s, nvmlEventData_t *e, unsigned int ms) {
	char path[4096];
	snprintf(path, sizeof path, "%s.xid", getenv("FAKE_NVML") ? getenv("FAKE_NVML") : "");
	FILE *f = fopen(path, "r");
	unsigned long long code = 0;
	if (f) {
		int found = fscanf(f, "%llu", &code);
		fclose(f);
		unlink(path);
		if (found == 1) {
			memset(e, 0, sizeof *e);
			e->device.handle = &gpus[2]; e->eventType = nvmlEventTypeXidCriticalError; e->eventData = code;
			return NVML_SUCCESS;
		}
	}
	usleep(20000);
	return NVML_ERROR_TIMEOUT;
}
