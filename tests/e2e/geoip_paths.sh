#!/usr/bin/env bash
# Only members of pg_read_all_settings learn where the server's GeoIP files are. Neither the setting nor a warning nor
# the detail of an error tells anyone else.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

FOLDER="$SERVERS/e2e-geoip-paths/files/hidden-folder"
start e2e-geoip-paths "impossible_travel.geoip_path = '$FOLDER'"
server_copy hidden-folder "$WORK/sample/geoip"/*.mmdb >/dev/null
ask "CREATE EXTENSION impossible_travel; CREATE ROLE reader LOGIN; CREATE ROLE stranger LOGIN; GRANT pg_read_all_settings TO reader" >/dev/null
ask "CREATE FUNCTION caught() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS \$\$
     DECLARE about text; hint text;
     BEGIN PERFORM travel.locate('192.0.2.1'); RETURN 'found';
     EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS about = PG_EXCEPTION_DETAIL,
         hint = PG_EXCEPTION_HINT; RETURN about || hint;
     END \$\$; ALTER FUNCTION caught() OWNER TO stranger"
as() { PGUSER=$1 ask_all "$2"; }
names_the_folder() { [[ $1 == *hidden-folder* ]]; }
hides_the_folder() { [[ $1 != *hidden-folder* ]]; }

rule 'the setting shows the folder to members only'
LOADED="SELECT travel.distance_km(0, 0, 0, 1) > 0"
holds 'a member sees it' names_the_folder "$(as reader "$LOADED; SHOW impossible_travel.geoip_path")"
holds 'a member sees it in pg_settings' names_the_folder \
    "$(as reader "$LOADED; SELECT setting FROM pg_settings WHERE name = 'impossible_travel.geoip_path'")"
for look in 'SHOW impossible_travel.geoip_path' "SELECT current_setting('impossible_travel.geoip_path', true)" \
    "SELECT setting, reset_val, sourcefile FROM pg_settings
        WHERE name = 'impossible_travel.geoip_path'" 'SHOW ALL' 'SELECT * FROM travel.geoip_databases()'; do
    holds "nobody else: $look" hides_the_folder "$(as stranger "$LOADED; $look")"
done
same 'with its SQLSTATE' 42501 "$(as stranger "$LOADED; SHOW impossible_travel.geoip_path" | grep -o 42501)"
same 'the file is used nevertheless' London "$(as stranger "SELECT (travel.locate('192.0.2.1')).city")"

rule 'a warning about a refused file names the file and not the folder; the log of the server has both'
head -c 1000 /dev/zero >"$SCRATCH/broken"
replace_by_rename "$SCRATCH/broken" "$FOLDER/broken.mmdb"
eventually 'a stranger is warned' eval 'SAID=$(as stranger "SELECT travel.locate(\$\$192.0.2.1\$\$)"); [[ $SAID == *"\"broken.mmdb\" is refused"* ]]'
holds 'the folder is not named' hides_the_folder "$SAID"
same 'the log has it' t "$(grep -q "hidden-folder/broken.mmdb\" is refused" "$SERVER_DIR/log" && echo t)"
head -c 2000 /dev/zero >"$SCRATCH/broken"
replace_by_rename "$SCRATCH/broken" "$FOLDER/broken.mmdb"
eventually 'a member is warned' eval 'SAID=$(as reader "SELECT travel.locate(\$\$192.0.2.1\$\$)"); [[ $SAID == *"broken.mmdb\" is refused"* ]]'
holds 'the folder is named' names_the_folder "$SAID"

rule 'the error of a missing database shows the folder to members only'
rm "$FOLDER"/*.mmdb
eventually 'there is none' eval '[[ $(as stranger "SELECT travel.locate(\$\$192.0.2.1\$\$)") == *"ERROR:  55000"* ]]'
for role in stranger reader; do
    SAID=$(as "$role" "SELECT travel.locate('192.0.2.1')")
    same "$role is told what is wrong" 55000 "$(printf '%s' "$SAID" | grep -o '55000' | head -n 1)"
    holds "$role is told what to do" eval '[[ $SAID == *HINT* ]]'
    if [ "$role" = reader ]; then names_the_folder "$SAID" || fail "not told: $SAID"; else hides_the_folder "$SAID" \
        || fail "told: $SAID"; fi
done
holds 'a function of another role cannot catch it' hides_the_folder "$(as reader 'SELECT public.caught()')"
no_crash
