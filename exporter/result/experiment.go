package result

// Experiment is what two arms of a model show, at any time.
type Experiment struct {
	Name      string             `json:"name"`
	Control   string             `json:"control"`
	Treatment string             `json:"treatment"`
	Decision  string             `json:"decision"` // promote, hold, roll_back
	Figures   []ExperimentFigure `json:"figures"`
	// Of the split: records of the arms, and how well that fits the configured
	// shares. Mismatched below 0.001: nothing can be concluded.
	Exposures  [2]uint64 `json:"exposures"`
	Shares     *float64  `json:"shares_pvalue,omitempty"`
	Mismatched bool      `json:"shares_mismatched,omitempty"`
	Words      string    `json:"words"`
}

// ExperimentFigure is one key figure: the treatment's less the control's, with
// an interval that holds whenever one looks.
type ExperimentFigure struct {
	KPI       string   `json:"kpi"`
	Control   *float64 `json:"control,omitempty"`
	Treatment *float64 `json:"treatment,omitempty"`
	N         [2]int   `json:"n"`
	Delta     *float64 `json:"delta,omitempty"`
	Lower     *float64 `json:"delta_lower,omitempty"`
	Upper     *float64 `json:"delta_upper,omitempty"`
	PValue    float64  `json:"pvalue"`
	Margin    float64  `json:"margin"`
	Decision  string   `json:"decision"`
	Words     string   `json:"words"`
}
