package result

import "time"

// Retrain says whether a model should be trained again, and why.
type Retrain struct {
	Wanted  bool            `json:"wanted"`
	Since   *time.Time      `json:"since,omitempty"` // of the oldest reason
	Reasons []RetrainReason `json:"reasons"`
	// Held is why drift does not count now: training on what a fault has made
	// would keep the fault.
	Held        string     `json:"held,omitempty"`
	Trained     *time.Time `json:"trained,omitempty"`
	TrainedFrom string     `json:"trained_from,omitempty"` // configuration, model (metadata of the .onnx file), registry
}

// RetrainReason is one signal that asks for a training.
type RetrainReason struct {
	Signal string    `json:"signal"` // accuracy, drift, age
	Since  time.Time `json:"since"`
	Words  string    `json:"words"`
}
