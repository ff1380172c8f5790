package rules

import "time"

// least spreads the lowest figure of a machine over the models that it serves.
func least(metric string) string {
	return "min by ($K) (gnomon_model_info * on (job, instance) group_left () min by (job, instance) (" + metric + "))"
}

// capacityRows say that something will run out, before it does.
func (g *Generator) capacityRows() []row {
	left := least("gnomon_memory_limit_reached_seconds") + " < "
	return []row{
		{"MemoryLimitPredicted", "ticket", "availability", "trend", "capacity", left + g.seconds(g.t.MemoryLeft.Std()),
			15 * time.Minute, 30 * time.Minute, "{{ $labels.model }} will run out of memory",
			"Memory grows for certain, and at this growth the limit is reached in {{ $value | humanizeDuration }}: the kernel then ends the process."},
		{"MemoryLimitPredicted", "page", "availability", "fast", "capacity", left + g.seconds(g.t.MemoryLeftPage.Std()),
			5 * time.Minute, 10 * time.Minute, "{{ $labels.model }} is about to run out of memory",
			"Memory grows for certain, and at this growth the limit is reached in {{ $value | humanizeDuration }}: the kernel then ends the process."},
		{"ServerHeadroomLow", "ticket", "latency", "trend", "capacity", least("gnomon_server_headroom_ratio") + " < 0",
			15 * time.Minute, time.Hour, "{{ $labels.model }} has no room left at its peak",
			"Room left at the peak of the window is {{ $value | humanizePercentage }}: below 0 requests wait for one another."},
	}
}

// job spreads nothing: a training has no version yet, and is called so, as
// alerts are grouped by version.
func job(expr string) string {
	return `label_replace(` + expr + `, "model_version", "training", "", "")`
}

// trainingRows watch jobs that make the next version.
func trainingRows() []row {
	is := func(metric string) string { return job("max by (job_name, model) ("+metric+")") + " == 1" }
	return []row{
		{"TrainingStalled", "ticket", "training", "slow", "training", is("gnomon_training_stalled"),
			2 * time.Minute, 5 * time.Minute, "The training {{ $labels.job_name }} of {{ $labels.model }} makes no steps",
			"No new step has come for training.stalled_after (state {{ $value }}); it holds its GPUs all the same."},
		{"TrainingDiverged", "ticket", "training", "slow", "training", is("gnomon_training_diverged"),
			5 * time.Minute, 10 * time.Minute, "The training {{ $labels.job_name }} of {{ $labels.model }} diverges",
			"Its loss has lost more than half of the progress that it had made (state {{ $value }})."},
		{"TrainingLossNotFinite", "ticket", "training", "fast", "training", job("sum by (job_name, model) (increase(gnomon_training_non_finite_losses_total[<15m>]))") + " > 0.5",
			0, 15 * time.Minute, "The loss of the training {{ $labels.job_name }} of {{ $labels.model }} is no number",
			"{{ $value | humanize }} losses in the last 15 minutes were NaN or infinite: what it learns from there on is lost."},
		{"TrainingCheckpointStale", "ticket", "training", "slow", "training", is("gnomon_training_checkpoint_overdue"),
			5 * time.Minute, 5 * time.Minute, "The training {{ $labels.job_name }} of {{ $labels.model }} writes no checkpoints",
			"The newest is older than training.checkpoint_after (state {{ $value }}): what was learned since is lost if the job ends now."},
	}
}
