#!/usr/bin/env bats
# Contexts in object stores, and credentials of AWS, Google and Azure without extra programs: each
# way to find them, against a server that checks signatures and answers under the clouds' own names.
# shellcheck disable=SC2030,SC2031,SC2154 # each test has its own variables; status and such come from lib/kiln.bash
load ../lib/kiln

NAMES='DNS:*.dkr.ecr.eu-west-1.amazonaws.com,DNS:public.ecr.aws,DNS:*.dkr-ecr.eu-west-1.on.aws,DNS:ecr.eu-west-1.api.aws,DNS:*.azurecr.us,DNS:login.microsoftonline.us,DNS:api.ecr.eu-west-1.amazonaws.com,DNS:api.ecr-public.us-east-1.amazonaws.com,DNS:bucket.s3.eu-west-1.amazonaws.com,DNS:gcr.io,DNS:evil-gcr.io,DNS:*.azurecr.io,DNS:storage.googleapis.com,DNS:oauth2.googleapis.com,DNS:acct.blob.core.windows.net'
ECR=123456789012.dkr.ecr.eu-west-1.amazonaws.com

setup_file() {
	local dir=$BATS_FILE_TMPDIR/cloud
	mkdir -p "$BATS_FILE_TMPDIR/bin" "$dir/objects" "$dir/files"
	ln -s "$KILN" "$BATS_FILE_TMPDIR/bin/executor"
	make_certificates "$dir"
	printf 'subjectAltName=%s\n' "$NAMES" >"$dir/san"
	openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial \
		-days 2 -extfile "$dir/san" -out "$dir/server.crt" 2>/dev/null
	openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$dir/google.key" 2>/dev/null
	openssl pkey -in "$dir/google.key" -pubout -out "$dir/google.pub"
	printf 'FROM scratch\nCOPY data /data\n' >"$dir/files/Dockerfile"
	echo content >"$dir/files/data"
	tar -C "$dir/files" -czf "$dir/objects/context.tar.gz" .
	tar -C "$dir/files" -cf "$dir/objects/a b.tar" .
	registry_start plain
	registry_put base:1 busybox
	registry_put other:1 busybox
	server_start cloud "$RIG_LIB/cloud_server.py" --cert "$dir/server.crt" --key "$dir/server.key" \
		--google-key "$dir/google.pub" --objects "$dir/objects" --upstream "$REGISTRY" --log "$dir/log"
	printf '%s\n' "${SERVER_PIDS[@]}" >"$dir/pids"
	echo "$SERVER_ADDRESS" >"$dir/address"
}

teardown_file() {
	mapfile -t SERVER_PIDS <"$BATS_FILE_TMPDIR/cloud/pids"
	registries_stop
}

setup() {
	context
	local name
	for name in $(compgen -e | grep -E '^(AWS_|AZURE_|GOOGLE_|GCE_|CLOUDSDK_|IDENTITY_|S3_|STORAGE_)'); do
		unset "$name"
	done
	unset REGISTRY_AUTH_FILE XDG_RUNTIME_DIR DOCKER_AUTH_CONFIG no_proxy NO_PROXY
	export HOME=$BATS_TEST_TMPDIR XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config NO_COLOR=1
	export DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker KILN_ROOT=$BATS_TEST_TMPDIR/store
	CLOUD=$BATS_FILE_TMPDIR/cloud
	HERE=$(cat "$CLOUD/address")
	LOG=$CLOUD/log
	: >"$LOG"
	export SSL_CERT_FILE=$CLOUD/ca.crt https_proxy=http://$HERE HTTPS_PROXY=http://$HERE
	# Nothing at any of these unless a test says so.
	export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1 GCE_METADATA_HOST=127.0.0.1:1
	export AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:1
}

executor() {
	timeout --foreground -s KILL "$KILN_LIMIT" "$BATS_FILE_TMPDIR/bin/executor" "$@"
}

takes() { # CONTEXT [OPTION...]
	succeeds executor --context "$1" --no-push --tar-path a.tar "${@:2}"
	says_not s3cr3t
	tree_of a.tar >tree
	grep -q ' /data' tree
}

refuses() { # TEXT CONTEXT
	fails 1 "$1" executor --context "$2" --no-push
	says_not s3cr3t
	says_not t0ken
}

logged() { # LINE
	grep -qF -- "$1" "$LOG" || {
		cat "$LOG"
		return 1
	}
}

pulls() { # IMAGE [OPTION...]
	printf 'FROM %s\n' "$1" >Dockerfile
	rm -rf "$KILN_ROOT"
	succeeds executor --context . --no-push "${@:2}"
	says_not s3cr3t
}

pulls_not() { # TEXT IMAGE [OPTION...]
	printf 'FROM %s\n' "$2" >Dockerfile
	fails 1 "$1" executor --context . --no-push --image-download-retry 0 "${@:3}"
	says_not s3cr3t
	says_not t0ken
}

@test "s3: each place that AWS's tools find credentials in" {
	export S3_ENDPOINT=http://$HERE S3_FORCE_PATH_STYLE=true AWS_REGION=x-1
	takes s3://public
	logged 'here GET /public/context.tar.gz 200 -'
	refuses 'set AWS_ACCESS_KEY_ID' s3://bucket/context.tar.gz

	AWS_EC2_METADATA_SERVICE_ENDPOINT=http://$HERE takes 's3://bucket/a b.tar'
	logged 'here GET /bucket/a%20b.tar 200 AKIDROLE@x-1'
	(
		unset AWS_REGION
		AWS_EC2_METADATA_SERVICE_ENDPOINT=http://$HERE takes s3://bucket
		logged '200 AKIDROLE@machine-region-1'
		AWS_EC2_METADATA_DISABLED=true AWS_EC2_METADATA_SERVICE_ENDPOINT=http://$HERE \
			refuses 'set AWS_ACCESS_KEY_ID' s3://bucket
	)
	export AWS_CONTAINER_CREDENTIALS_FULL_URI=http://$HERE/task
	echo task-authorization >authorization
	AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$PWD/authorization takes s3://bucket
	logged '200 AKIDTASK@x-1'
	refuses "the container's credential service answers with status 403" s3://bucket
	AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/ refuses 'neither https nor of this machine' s3://bucket

	mkdir -p "$HOME/.aws"
	printf '[default]\naws_access_key_id=no\naws_secret_access_key=no-s3cr3t\n[team]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = profile/s3cr3t\n' >"$HOME/.aws/credentials"
	printf '[profile team]\nregion = y-1\n' >"$HOME/.aws/config"
	refuses "the credentials come from AWS profile 'default'" s3://bucket
	AWS_PROFILE=team takes s3://bucket
	logged '200 AKIDPROFILE@x-1'
	AWS_REGION='' AWS_PROFILE=team takes s3://bucket
	logged '200 AKIDPROFILE@y-1'
	printf '[profile eks]\nrole_arn = arn:role\nweb_identity_token_file = %s\n' "$PWD/identity" >>"$HOME/.aws/config"
	printf web.identity.t0ken >identity
	AWS_ENDPOINT_URL_STS=http://$HERE/sts AWS_PROFILE=eks takes s3://bucket
	logged '200 AKIDWEB@x-1'
	: >"$LOG"
	AWS_PROFILE=none refuses "there is no profile 'none'" s3://bucket

	export AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/identity AWS_ROLE_ARN=arn:role AWS_ENDPOINT_URL_STS=http://$HERE/sts
	takes s3://bucket
	logged '200 AKIDWEB@x-1'
	AWS_ROLE_ARN=arn:other refuses 'answers with status 403: AccessDenied' s3://bucket

	export AWS_ACCESS_KEY_ID=AKIDENV AWS_SECRET_ACCESS_KEY=env/s3cr3t+1
	takes s3://bucket
	logged '200 AKIDENV@x-1'
	AWS_SECRET_ACCESS_KEY=wrong-s3cr3t refuses 'AWS_ACCESS_KEY_ID' s3://bucket
	refuses "fetch the build context: 's3://bucket/missing'" s3://bucket/missing
}

@test "AWS profiles whose credentials are elsewhere: a program, a login" {
	export S3_ENDPOINT=http://$HERE S3_FORCE_PATH_STYLE=true AWS_REGION=x-1 AWS_ENDPOINT_URL_SSO=http://$HERE/portal/
	mkdir -p "$HOME/.aws/sso/cache"
	cat >"$HOME/.aws/config" <<-EOD
		[profile program]
		credential_process = echo '{"Version": 1, "AccessKeyId": "AKIDPROC",' "\"SecretAccessKey\": \"process/s3cr3t\"}"
		[profile fails]
		credential_process = echo s3cr3t; echo s3cr3t >&2; exit 3
		[profile garbage]
		credential_process = echo '{"Version": 2, "s3cr3t": "t0ken"}'
		[sso-session work]
		sso_region = eu-west-1
		sso_start_url = https://work.example/start
		[profile login]
		sso_session = work
		sso_account_id = 123456789012
		sso_role_name = builder
		[profile old]
		sso_start_url = https://old.example/start
		sso_region = eu-west-1
		sso_account_id = 123456789012
		sso_role_name = builder
		[profile half]
		sso_session = work
		sso_role_name = builder
		[profile region]
		sso_start_url = https://old.example/start
		sso_region = evil.example/x
		sso_account_id = 1
		sso_role_name = builder
	EOD
	AWS_PROFILE=program takes s3://bucket
	logged '200 AKIDPROC@x-1'
	AWS_PROFILE=fails refuses "AWS profile 'fails': credential_process: it failed with exit code 3" s3://bucket
	AWS_PROFILE=garbage refuses "its output is of version 2, not 1" s3://bucket
	AWS_PROFILE=login refuses "AWS profile 'login': there is no login" s3://bucket
	says "aws sso login --profile login"
	echo '{"accessToken": "sso-login-s3cr3t"}' >"$HOME/.aws/sso/cache/$(printf work | sha1sum | cut -c1-40).json"
	AWS_PROFILE=login takes s3://bucket
	logged '200 AKIDSSO@x-1'
	echo '{"accessToken": "ended-s3cr3t"}' >"$HOME/.aws/sso/cache/$(printf https://old.example/start | sha1sum | cut -c1-40).json"
	AWS_PROFILE=old refuses "IAM Identity Center answers with status 401: UnauthorizedException" s3://bucket
	says "aws sso login --profile old"
	AWS_PROFILE=half refuses "'sso_account_id' is missing" s3://bucket
	AWS_PROFILE=region refuses "is no region of AWS" s3://bucket
}

@test "AWS roles: by another profile, which may have one, or by the place that a profile names" {
	export S3_ENDPOINT=http://$HERE S3_FORCE_PATH_STYLE=true AWS_ENDPOINT_URL_STS=http://$HERE/sts
	mkdir -p "$HOME/.aws"
	printf '[team]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = profile/s3cr3t\n' >"$HOME/.aws/credentials"
	cat >"$HOME/.aws/config" <<-EOD
		[profile first]
		role_arn = arn:first
		source_profile = team
		region = r-1
		[profile second]
		role_arn = arn:second
		source_profile = first
		external_id = partner
		duration_seconds = 900
		region = r-2
		[profile own]
		role_arn = arn:first
		source_profile = own
		aws_access_key_id = AKIDPROFILE
		aws_secret_access_key = profile/s3cr3t
		[profile denied]
		role_arn = arn:second
		source_profile = team
		[profile circle]
		role_arn = arn:first
		source_profile = round
		[profile round]
		role_arn = arn:first
		source_profile = circle
		[profile lost]
		role_arn = arn:first
		source_profile = nowhere
		[profile alone]
		role_arn = arn:first
		[profile both]
		role_arn = arn:first
		source_profile = team
		credential_source = Environment
		[profile person]
		role_arn = arn:first
		source_profile = team
		mfa_serial = arn:mfa
		[profile environment]
		role_arn = arn:first
		credential_source = Environment
		[profile container]
		role_arn = arn:first
		credential_source = EcsContainer
		[profile instance]
		role_arn = arn:first
		credential_source = Ec2InstanceMetadata
		[profile elsewhere]
		role_arn = arn:first
		credential_source = Moon
	EOD
	AWS_PROFILE=first takes s3://bucket
	logged 'here POST /sts/ 200 AKIDPROFILE@r-1'
	logged '200 AKIDFIRST@r-1'
	AWS_PROFILE=second takes s3://bucket
	logged 'here POST /sts/ 200 AKIDFIRST@r-2'
	logged '200 AKIDSECOND@r-2'
	export AWS_REGION=x-1
	AWS_PROFILE=own takes s3://bucket
	logged '200 AKIDFIRST@x-1'
	AWS_PROFILE=denied refuses "AWS profile 'denied': role 'arn:second' by AWS profile 'team': AWS's security token service answers with status 403: AccessDenied" s3://bucket
	AWS_PROFILE=circle refuses "source_profile leads in a circle" s3://bucket
	AWS_PROFILE=lost refuses "source_profile: there is no profile 'nowhere'" s3://bucket
	AWS_PROFILE=alone refuses "'role_arn' needs 'source_profile'" s3://bucket
	AWS_PROFILE=both refuses "exclude each other" s3://bucket
	AWS_PROFILE=person refuses "'mfa_serial' is not supported" s3://bucket
	AWS_PROFILE=elsewhere refuses "credential_source is 'Moon'" s3://bucket
	AWS_PROFILE=container refuses "credential_source 'EcsContainer' has no credentials" s3://bucket
	: >"$LOG"
	echo task-authorization >authorization
	AWS_PROFILE=container AWS_CONTAINER_CREDENTIALS_FULL_URI=http://$HERE/task \
		AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$PWD/authorization takes s3://bucket
	logged 'here POST /sts/ 200 AKIDTASK@x-1'
	AWS_PROFILE=instance AWS_EC2_METADATA_SERVICE_ENDPOINT=http://$HERE takes s3://bucket
	logged 'here POST /sts/ 200 AKIDROLE@x-1'
	# Variables come first, as for everybody; a profile that names them is for the role.
	AWS_PROFILE=environment refuses "credential_source 'Environment' has no credentials" s3://bucket
}

@test "s3 at its own name; an instance that hangs is waited for shortly" {
	export AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=AKIDENV AWS_SECRET_ACCESS_KEY=env/s3cr3t+1
	takes s3://bucket/context.tar.gz
	logged 'bucket.s3.eu-west-1.amazonaws.com GET /context.tar.gz 200 AKIDENV@eu-west-1'
	unset AWS_ACCESS_KEY_ID
	export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://$HERE/hang
	local start=$SECONDS
	refuses 'set AWS_ACCESS_KEY_ID' s3://bucket/context.tar.gz
	[ $((SECONDS - start)) -lt 10 ]
}

service_account() { # TOKEN_URI : writes account.json
	jq -n --arg uri "$1" --rawfile key "${2:-$CLOUD/google.key}" '{type: "service_account", client_email: "kiln@project.example",
		private_key_id: "k", private_key: $key, token_uri: $uri}' >account.json
}

@test "gs: a service account's key, the metadata server, an emulator" {
	refuses 'set GOOGLE_APPLICATION_CREDENTIALS' gs://bucket/context.tar.gz
	GCE_METADATA_HOST=$HERE takes gs://bucket/context.tar.gz
	logged 'storage.googleapis.com GET /bucket/context.tar.gz 200 g00gle-machine'
	mkdir -p "$HOME/.config/gcloud"
	echo '{"type": "authorized_user", "client_id": "c", "client_secret": "s3cr3t", "refresh_token": "gcloud-s3cr3t"}' \
		>"$HOME/.config/gcloud/application_default_credentials.json"
	GCE_METADATA_HOST=$HERE takes gs://bucket/context.tar.gz
	logged 'storage.googleapis.com GET /bucket/context.tar.gz 200 g00gle-login'
	service_account "http://$HERE/google/token"
	export GOOGLE_APPLICATION_CREDENTIALS=$PWD/account.json
	takes 'gs://bucket/a b.tar'
	logged 'storage.googleapis.com GET /bucket/a%20b.tar 200 g00gle-account'
	succeeds executor --bucket bucket --no-push
	openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out other.key 2>/dev/null
	service_account "http://$HERE/google/token" other.key
	refuses "status 400: invalid_grant" gs://bucket
	service_account http://192.0.2.1/token
	refuses "is not https" gs://bucket
	echo '{"type": "service_account", "client_email": "x", "private_key": "s3cr3t"}' >account.json
	refuses "'private_key' is not an RSA key" gs://bucket
	echo '{"type": "impersonated_service_account"}' >account.json
	refuses "type 'impersonated_service_account' are not supported" gs://bucket
	STORAGE_EMULATOR_HOST=$HERE takes gs://public/context.tar.gz
	logged 'here GET /public/context.tar.gz 200 -'
}

external() { # CREDENTIAL_SOURCE [IMPERSONATION-URL]
	jq -n --argjson source "$1" --arg url "http://$HERE/google/sts" --arg account "${2:-}" '{type: "external_account",
		audience: "//iam.example/pool", subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
		token_url: $url, credential_source: $source}
		+ (if $account == "" then {} else {service_account_impersonation_url: $account} end)' >external.json
}

@test "Google's workload identity federation: from a file and an address, as a service account" {
	export GOOGLE_APPLICATION_CREDENTIALS=$PWD/external.json
	echo provider-t0ken >subject
	external "{\"file\": \"$PWD/subject\"}"
	takes gs://bucket
	logged 'storage.googleapis.com GET /bucket/context.tar.gz 200 g00gle-federated'
	external "{\"file\": \"$PWD/subject\"}" "http://$HERE/google/account"
	takes gs://bucket
	logged 'storage.googleapis.com GET /bucket/context.tar.gz 200 g00gle-impersonated'
	local json='"format": {"type": "json", "subject_token_field_name": "value"}'
	external "{\"url\": \"http://$HERE/provider\", \"headers\": {\"X-Who\": \"kiln\"}, $json}"
	takes gs://bucket
	external "{\"url\": \"http://$HERE/provider\", $json}"
	refuses 'the identity provider answers with status 403' gs://bucket
	external "{\"url\": \"http://192.0.2.1/provider\"}"
	refuses 'is not https' gs://bucket
	external "{\"url\": \"http://$HERE/provider\", \"headers\": {\"X-Who\": \"a\\nb\"}}"
	refuses 'a header that is none' gs://bucket
	external '{"certificate": {"use_default_certificate_config": true}}'
	refuses "'certificate' is not supported" gs://bucket
	echo other-t0ken >subject
	external "{\"file\": \"$PWD/subject\"}"
	refuses "status 400: invalid_grant" gs://bucket
	external "{\"file\": \"$PWD/none\"}"
	refuses "open '$PWD/none'" gs://bucket
}

@test "Google's workload identity federation: AWS credentials, and a program where programs are allowed" {
	export GOOGLE_APPLICATION_CREDENTIALS=$PWD/external.json
	local aws='"environment_id": "aws1", "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"'
	external "{$aws}"
	sed -i 's/urn:ietf:params:oauth:token-type:jwt/urn:ietf:params:aws:token-type:aws4_request/' external.json
	refuses 'there are no credentials of AWS' gs://bucket
	AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=AKIDENV AWS_SECRET_ACCESS_KEY=env/s3cr3t+1 takes gs://bucket
	logged 'here POST /google/sts 200 AKIDENV@eu-west-1'
	AWS_EC2_METADATA_SERVICE_ENDPOINT=http://$HERE takes gs://bucket
	logged 'here POST /google/sts 200 AKIDROLE@machine-region-1'
	AWS_ACCESS_KEY_ID=AKIDENV AWS_SECRET_ACCESS_KEY=wrong-s3cr3t refuses 'status 400: invalid_grant' gs://bucket
	external "{${aws/aws1/aws2}}"
	refuses "'environment_id' is 'aws2', not aws1" gs://bucket
	external "{${aws/https/http}}"
	AWS_ACCESS_KEY_ID=AKIDENV AWS_SECRET_ACCESS_KEY=env/s3cr3t+1 refuses "is not https" gs://bucket

	cat >program <<-'EOD'
		#!/bin/sh
		echo "$GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE $GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE $GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE" >ran
		echo "$GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL" >>ran
		cat "$1"
	EOD
	chmod +x program
	echo '{"version": 1, "success": true, "token_type": "urn:ietf:params:oauth:token-type:jwt", "id_token": "provider-t0ken"}' >said
	external "{\"executable\": {\"command\": \"$PWD/program  said\"}}" "http://$HERE/google/account"
	refuses "programs are not allowed" gs://bucket
	says GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1
	[ ! -e ran ]
	export GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1
	takes gs://bucket
	logged 'GET /bucket/context.tar.gz 200 g00gle-impersonated'
	equals "//iam.example/pool urn:ietf:params:oauth:token-type:jwt 0
account" "$(cat ran)"
	# What an earlier run left is used until it ends.
	external "{\"executable\": {\"command\": \"$PWD/program said\", \"output_file\": \"$PWD/left\"}}"
	jq '.expiration_time = 4070908800' said >left
	rm ran
	takes gs://bucket
	[ ! -e ran ]
	jq '.expiration_time = 1000000000' said >left
	takes gs://bucket
	[ -e ran ]
	# One that does not say when it ends may have ended long ago.
	cp said left
	rm ran
	takes gs://bucket
	[ -e ran ]
	jq '.expiration_time = 1000000000' said >left
	cp left said
	refuses "its token has ended" gs://bucket
	echo '{"version": 1, "success": false, "code": "401", "message": "s3cr3t"}' >said
	refuses "its output says that there is no token" gs://bucket
	echo 's3cr3t' >said
	refuses "its output" gs://bucket
	rm said
	refuses "it failed with exit code 1" gs://bucket
	external '{"executable": {"command": "x", "timeout_millis": 10}}'
	refuses "'timeout_millis' is not between 5000 and 120000" gs://bucket
}

@test "Azure blobs: signed with the account's key" {
	local blob=https://acct.blob.core.windows.net/container/context.tar.gz
	fails 1 'refuses it (status 403)' executor --context "$blob" --no-push
	AZURE_STORAGE_ACCESS_KEY=$(printf 'azure s3cr3t' | base64) takes "$blob"
	AZURE_STORAGE_ACCESS_KEY=$(printf 'other s3cr3t' | base64) refuses AZURE_STORAGE_ACCESS_KEY "$blob"
	AZURE_STORAGE_ACCESS_KEY='s3cr3t!' refuses 'is not a key in base64' "$blob"
}

@test "ECR: a token for exactly its hosts, asked for once" {
	export AWS_ACCESS_KEY_ID=AKIDENV AWS_SECRET_ACCESS_KEY=env/s3cr3t+1
	pulls "$ECR/base:1"
	logged 'api.ecr.eu-west-1.amazonaws.com POST / 200 AKIDENV@eu-west-1'
	printf 'FROM %s/base:1 AS a\nFROM %s/other:1\nCOPY --from=a /bin/true /x\n' "$ECR" "$ECR" >Dockerfile
	rm -rf "$KILN_ROOT"
	: >"$LOG"
	succeeds executor --context . --no-push
	logged '/v2/other/manifests/'
	equals 1 "$(grep -c 'api.ecr' "$LOG")" "requests for a token, of two repositories at once"
	pulls 123456789012.dkr-ecr.eu-west-1.on.aws/base:1
	logged 'ecr.eu-west-1.api.aws POST / 200 AKIDENV@eu-west-1'
	pulls public.ecr.aws/base:1
	logged 'api.ecr-public.us-east-1.amazonaws.com POST / 200 AKIDENV@us-east-1'
	rm -rf "$KILN_ROOT"
	: >"$LOG"
	pulls_not "$ECR" "$ECR/base:1" --credential-helpers=google,acr
	pulls_not "$ECR" "$ECR/base:1" --credential-helpers=
	equals 0 "$(grep -c 'api.ecr' "$LOG")" "requests for a token"
	AWS_SECRET_ACCESS_KEY=wrong-s3cr3t pulls_not 'status 400: UnrecognizedClientException' "$ECR/base:1"
	# config.json comes first.
	mkdir -p "$DOCKER_CONFIG"
	printf '{"auths": {"%s": {"username": "AWS", "password": "ecr-s3cr3t"}}}' "$ECR" >"$DOCKER_CONFIG/config.json"
	: >"$LOG"
	pulls "$ECR/base:1"
	equals 0 "$(grep -c 'api.ecr' "$LOG")" "requests for a token"
}

@test "Google's registries: metadata and service accounts, and no look-alike" {
	GCE_METADATA_HOST=$HERE pulls gcr.io/base:1
	logged 'oauth2accesstoken:g00gle-machine'
	service_account "http://$HERE/google/token"
	export GOOGLE_APPLICATION_CREDENTIALS=$PWD/account.json
	pulls gcr.io/base:1
	logged 'oauth2accesstoken:g00gle-account'
	rm -rf "$KILN_ROOT"
	: >"$LOG"
	pulls_not evil-gcr.io evil-gcr.io/base:1
	equals 0 "$(grep -cE 'g00gle|google/token' "$LOG")" "tokens for a look-alike"
	pulls_not gcr.io gcr.io/base:1 --credential-helpers=env,ecr
	equals 0 "$(grep -cE 'g00gle|google/token' "$LOG")" "tokens though switched off"
}

@test "Azure's registries: client secret, workload identity, managed identity" {
	AZURE_POD_IDENTITY_AUTHORITY_HOST=http://$HERE pulls team.azurecr.io/base:1
	logged 'team.azurecr.io POST /oauth2/exchange 200'
	: >"$LOG"
	IDENTITY_ENDPOINT=http://$HERE/msi IDENTITY_HEADER=identity-s3cr3t pulls team.azurecr.io/base:1
	logged 'here GET /msi?api-version=2019-08-01'
	AZURE_CLIENT_ID=client AZURE_TENANT_ID=tenant AZURE_CLIENT_SECRET=client-s3cr3t pulls team.azurecr.us/base:1
	logged 'login.microsoftonline.us POST /tenant/oauth2/v2.0/token 200'
	export AZURE_AUTHORITY_HOST=http://$HERE/ AZURE_CLIENT_ID=client AZURE_TENANT_ID=tenant
	AZURE_CLIENT_SECRET=client-s3cr3t pulls team.azurecr.io/base:1
	logged 'here POST /tenant/oauth2/v2.0/token 200'
	rm -rf "$KILN_ROOT"
	AZURE_CLIENT_SECRET=wrong-s3cr3t pulls_not 'status 401: invalid_client' team.azurecr.io/base:1
	printf 'federated.t0ken\n' >federated
	: >"$LOG"
	AZURE_FEDERATED_TOKEN_FILE=$PWD/federated pulls team.azurecr.io/base:1
	logged 'here POST /tenant/oauth2/v2.0/token 200'
	AZURE_AUTHORITY_HOST=http://192.0.2.1 AZURE_FEDERATED_TOKEN_FILE=$PWD/federated \
		pulls_not 'is not https' team.azurecr.io/base:1 --credential-helpers acr
}
