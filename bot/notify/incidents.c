/* What others may know of incidents, and do to them. */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "notify/ledger.h"
#include "notify/text.h"

int incidents_setup(struct fg_store *store, struct fg_err *err)
{
	return ledger_setup(store, err);
}

const char *incident_kind_word(enum incident_kind kind)
{
	return kind < INCIDENT_KINDS ? kinds[kind].word : "";
}

const char *incident_state_word(enum incident_state state)
{
	static const char *const words[] = {"open", "recovered", "closed"};

	return (size_t)state < FG_ARRAY_LEN(words) ? words[state] : "";
}

void incident_line(struct fg_str *html, const struct incident *incident, bool several_hosts)
{
	text_title(html, incident, several_hosts);
}

struct fg_subject incident_subject(const struct incident *i)
{
	return (struct fg_subject){
		.name = i->name,
		.host = i->host,
		.state = "",
		.health = "",
		.image = i->image,
		.template = fg_json_str(i->labels, "io.fleetgram.template", ""),
		.project = i->project,
		.id = i->container_id,
		.labels = i->labels,
		.hosts = kind_is_swarm(i->kind) ? fg_json_array(i->facts, FACT_HOSTS) : NULL,
	};
}

static bool sees(const struct fg_selector *scope, const struct fg_subject *subject)
{
	return *subject->name ? fg_selector_match(scope, subject)
			      : fg_selector_match_host(scope, subject->host);
}

const char *incident_host(const struct incident *i, const struct fg_selector *scope)
{
	struct fg_subject subject = incident_subject(i);
	const cJSON *hosts = fg_steal(&subject.hosts), *host;

	cJSON_ArrayForEach (host, fg_json_array(i->facts, FACT_PERHAPS))
		if (cJSON_IsString(host) && !fg_selector_match_host(scope, host->valuestring))
			return NULL;
	if (sees(scope, &subject))
		return i->host;
	cJSON_ArrayForEach (host, hosts) {
		subject.host = cJSON_GetStringValue(host);
		if (subject.host && sees(scope, &subject))
			return subject.host;
	}
	return NULL;
}

int64_t incidents_each(struct fg_store *store, const struct incidents_filter *f,
	void (*each)(const struct incident *incident, void *arg), void *arg, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(store, err,
		"SELECT " ENTRY_COLUMNS " FROM incidents WHERE unsure = 0 AND (?1 = 0 OR id = ?1)"
		" AND last >= ?2 AND (?3 = 0 OR state = 0) AND (?4 = 0 OR bulletin = ?4)"
		" ORDER BY last DESC, id DESC",
		"iiii", f->id, f->since_ms, (int64_t)f->open_only, f->bulletin);
	int64_t n = 0;

	if (!rows)
		return -1;
	while (fg_rows_next(rows)) {
		const char *host;
		bool page = (size_t)n >= f->skip && (!f->most || (size_t)n < f->skip + f->most);
		struct incident_row row;

		if (!f->scope && !page) {
			n++;
			continue;
		}
		incident_row_read(rows, &row);
		host = incident_host(&row.is, f->scope);
		if (host) {
			row.is.host = host;
			n++;
			if (page && each)
				each(&row.is, arg);
		}
		incident_row_finish(&row);
	}
	return fg_rows_failed(rows, err) < 0 ? -1 : n;
}

int incidents_ack(struct fg_tx *tx, int64_t id, const char *by, int64_t now_ms, struct fg_err *err)
{
	int64_t done = fg_tx_exec(tx, err,
		"UPDATE incidents SET acked = ?, acked_by = ? WHERE id = ? AND state = 0 AND"
		" acked = 0 AND unsure = 0",
		"isi", now_ms, by ? by : "", id);

	if (done > 0 && fg_tx_exec(tx, err,
				"UPDATE bulletins SET revision = revision + 1 WHERE id ="
				" (SELECT bulletin FROM incidents WHERE id = ?)",
				"i", id) < 0)
		return -1;
	return done < 0 ? -1 : done > 0;
}

bool incidents_acked(
	struct fg_store *store, enum incident_kind kind, const char *host, const char *id)
{
	return fg_store_i64(store, 0,
		       "SELECT count(*) FROM incidents WHERE host = ? AND container = ? AND kind = ?"
		       " AND state = 0 AND acked > 0",
		       "sss", host, id, incident_kind_word(kind)) > 0;
}

int incidents_drop(struct fg_tx *tx, int64_t id, struct fg_err *err)
{
	return fg_tx_exec(tx, err,
		       "UPDATE incidents SET state = 2, tell = 0 WHERE id = ? AND state < 2", "i",
		       id) < 0
		       ? -1
		       : 0;
}

int incidents_count_open(struct fg_store *store, int64_t open[INCIDENT_KINDS])
{
	cleanup_rows struct fg_rows *rows = fg_store_query(store, NULL,
		"SELECT kind, count(*) FROM incidents WHERE state = ? GROUP BY kind", "i",
		(int64_t)INCIDENT_OPEN);

	memset(open, 0, INCIDENT_KINDS * sizeof(*open));
	while (rows && fg_rows_next(rows))
		for (int kind = 0; kind < INCIDENT_KINDS; kind++)
			if (strcmp(fg_rows_str(rows, 0), incident_kind_word(kind)) == 0)
				open[kind] = fg_rows_i64(rows, 1);
	return rows && fg_rows_failed(rows, NULL) == 0 ? 0 : -1;
}
