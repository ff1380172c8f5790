// Package training watches a training job from beside it: the steps, the loss
// and the step time that the job writes (to a file of metrics, to TensorBoard's
// event files, or to an MLflow run), its checkpoints, how well it uses its
// GPUs, and what it has cost. The job knows nothing of it.
//
// A Source reads what is new since it was last asked; a new kind of source is a
// file here and a row in sources.
package training
