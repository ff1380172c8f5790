package spec

import (
	"fmt"
	"regexp"
	"time"
)

// notify checks receivers and hours.
func (c *checker) notify(n *Notify) {
	for _, g := range []struct {
		field string
		list  []Receiver
	}{{"notify.page", n.Page}, {"notify.ticket", n.Ticket}, {"notify.info", n.Info}} {
		c.receivers(g.field, g.list, n)
	}
	seen := map[string]bool{}
	for i, t := range n.Teams {
		at := fmt.Sprintf("notify.teams[%d]", i)
		if !name().MatchString(t.Team) || seen[t.Team] {
			c.add(at+".team", "write each team once, in lower-case letters, digits and -", "%q is no name or is there twice", t.Team)
		}
		seen[t.Team] = true
		c.receivers(at+".page", t.Page, n)
		c.receivers(at+".ticket", t.Ticket, n)
	}
	c.hours(&n.TicketHours)
}

func (c *checker) receivers(field string, list []Receiver, n *Notify) {
	for i, r := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		count := 0
		for _, v := range []string{r.PagerDutyKeyFile, r.OpsgenieKeyFile, r.SlackURLFile, r.Email, r.Webhook} {
			if v != "" {
				count++
			}
		}
		if count != 1 {
			c.add(at, "write exactly one of pagerduty_key_file, opsgenie_key_file, slack_url_file, email, webhook", "%d ways to tell someone in one entry", count)
		}
		if r.SlackURLFile != "" && r.SlackChannel == "" {
			c.add(at+".slack_channel", "write slack_channel: '#name'", "is missing")
		}
		if r.Email != "" && (n.Smarthost == "" || n.From == "") {
			c.add("notify.smtp_smarthost", "write smtp_smarthost: host:port and smtp_from: address", "e-mail needs both")
		}
		if r.Webhook != "" {
			c.url(at+".webhook", r.Webhook)
		}
	}
}

func (c *checker) hours(h *Hours) {
	if *h == (Hours{}) {
		return
	}
	clock := regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)
	if !clock.MatchString(h.From) || !(clock.MatchString(h.To) || h.To == "24:00") || h.From >= h.To {
		c.add("notify.ticket_hours", "write from: '08:00' and to: '18:00'", "%q to %q are no hours of a day", h.From, h.To)
	}
	day := "(sunday|monday|tuesday|wednesday|thursday|friday|saturday)"
	if !regexp.MustCompile("^" + day + "(:" + day + ")?$").MatchString(h.Days) {
		c.add("notify.ticket_hours.days", "write monday:friday", "%q are no days", h.Days)
	}
	if _, err := time.LoadLocation(h.Location); err != nil {
		c.add("notify.ticket_hours.location", "write a name of the time zone database: Europe/Berlin", "%v", err)
	}
}
