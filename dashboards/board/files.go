package board

import "strings"

// Files are all dashboards by path: prometheus/oncall.json and so on.
func Files() (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, b := range Boards() {
		for _, v := range []Variant{Prometheus, Gnomon} {
			raw, err := b.JSON(v)
			if err != nil {
				return nil, err
			}
			out[string(v)+"/"+strings.TrimPrefix(b.UID, "gnomon-")+".json"] = raw
		}
	}
	return out, nil
}
