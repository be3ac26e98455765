<?php
// TrustedLogin's plugins in one script: what the client on a customer's site and the Connector on the vendor's site do,
// with the bodies and headers they build. Reads one line of JSON: where, and whose keys. Says one line of JSON for each
// call: its name, the status, the body; and at the end whether the identifier came back.

$given = json_decode(fgets(STDIN), true);
$api = $given['api'] . '/';

function say(string $name, $status, $body): void {
	echo json_encode([$name, $status, $body]), "\n";
}

function call(string $name, string $method, string $path, array $headers, $data, string $protocol) {
	global $api;
	$headers = array_merge(['Accept: application/json', 'Content-Type: application/json'], $headers);
	$options = [
		'method' => $method,
		'header' => implode("\r\n", $headers),
		'ignore_errors' => true,
		'follow_location' => 0,
		'timeout' => 15,
		'protocol_version' => (float) $protocol,
	];
	if ($data !== null) {
		$options['content'] = json_encode($data);
	}
	$body = file_get_contents($api . $path, false, stream_context_create(['http' => $options]));
	$status = (int) explode(' ', $http_response_header[0])[1];
	$decoded = json_decode($body);
	say($name, $status, $decoded);
	return [$status, $decoded];
}

// The client on the customer's site.

function client(string $name, string $method, string $path, $data = null) {
	global $given;
	return call($name, $method, $path, ['Authorization: Bearer ' . $given['publicKey']], $data, '1.1');
}

function hash16(string $text): string {
	return sodium_bin2hex(sodium_crypto_generichash($text, '', 16));
}

$site_url = 'https://customer.example/wp';
$identifier = bin2hex(random_bytes(64));
$secret_id = hash16(hash16($site_url . $identifier) . $identifier);
$access_key = sodium_bin2hex(sodium_crypto_generichash($site_url . $given['publicKey']));
$vendor_box = sodium_crypto_box_keypair();

function sealed(int $expires_at): array {
	global $given, $site_url, $identifier, $secret_id, $access_key, $vendor_box;
	$nonce = random_bytes(SODIUM_CRYPTO_BOX_NONCEBYTES);
	$own = sodium_crypto_box_keypair();
	$to = sodium_crypto_box_keypair_from_secretkey_and_publickey(
		sodium_crypto_box_secretkey($own),
		sodium_crypto_box_publickey($vendor_box)
	);
	return [
		'secretId' => $secret_id,
		'identifier' => base64_encode(sodium_crypto_box($identifier, $nonce, $to)),
		'siteUrl' => $site_url,
		'publicKey' => $given['publicKey'],
		'accessKey' => $access_key,
		'wpUserId' => 1,
		'expiresAt' => $expires_at,
		'version' => '1.10.1',
		'nonce' => sodium_bin2hex($nonce),
		'clientPublicKey' => sodium_bin2hex(sodium_crypto_box_publickey($own)),
		'metaData' => ['reference_id' => 'Ünï/7', 'nested' => ['price' => 1.0, 'empty' => [], 'list' => [1, 2.5]]],
	];
}

// The Connector on the vendor's site. It speaks HTTP/1.0.

function connector(string $name, string $path, array $data) {
	global $given;
	$headers = [
		'Authorization: Bearer ' . hash('sha256', $given['privateKey']),
		'X-TL-TOKEN: ' . hash('sha256', $given['publicKey'] . $given['privateKey']),
	];
	return call($name, 'POST', $path, $headers, $data, '1.0');
}

function opening(): array {
	global $given;
	$nonce = bin2hex(random_bytes(24));
	$key = sodium_crypto_sign_secretkey(sodium_crypto_sign_seed_keypair(hex2bin($given['seed'])));
	return [
		'user' => ['id' => 3, 'name' => 'Ada'],
		'nonce' => base64_encode($nonce),
		'signedNonce' => base64_encode(sodium_crypto_sign_detached($nonce, $key)),
	];
}

function is_signed($answer): bool {
	[$status, $key] = client('envelope-signing-pubkey', 'GET', 'envelope-signing-pubkey');
	$fields = (array) $answer;
	unset($fields['signature'], $fields['signaturePublicKey']);
	ksort($fields);
	$flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION;
	return sodium_crypto_sign_verify_detached(
		sodium_hex2bin($answer->signature),
		json_encode($fields, $flags),
		sodium_hex2bin($key->publicKey)
	);
}

function unsealed($answer) {
	global $vendor_box;
	$from = sodium_crypto_box_keypair_from_secretkey_and_publickey(
		sodium_crypto_box_secretkey($vendor_box),
		sodium_hex2bin($answer->publicKey)
	);
	return sodium_crypto_box_open(base64_decode($answer->identifier), sodium_hex2bin($answer->nonce), $from);
}

$account = $given['account'];
$agent = ['timestamp' => time(), 'user_agent' => 'Mozilla/5.0', 'user_ip' => '', 'site_url' => $site_url];

client('grant', 'POST', 'sites', sealed(time() + 7 * 86400));
connector('verify', "accounts/$account", ['api_endpoint' => $given['apiEndpoint']]);
[, $found] = connector('find', "accounts/$account/sites/", ['searchKeys' => [$access_key, hash('sha256', 'x')]]);
$found_id = $found->$access_key[0];
[, $answer] = connector('open', "sites/$account/$found_id/get-envelope", opening());
say('proofs', 0, [
	'signed' => is_signed($answer),
	'opened' => unsealed($answer) === $identifier,
	'siteUrl' => $answer->siteUrl === $site_url,
]);
client('verify-identifier', 'POST', "sites/$secret_id/verify-identifier", $agent);
client('report-brute-force', 'POST', 'report-brute-force', $agent);
client('login-attempts', 'POST', "sites/$secret_id/login-attempts", [
	'code' => 'login_failed',
	'detailed_reason' => 'invalid_username',
	'client_site_url' => $site_url,
	'attempted_at' => gmdate('c'),
	'client_user_agent' => null,
	'client_ip' => null,
	'identifier_hash' => hash('sha256', $identifier),
]);
client('extend', 'POST', 'sites', sealed(time() + 14 * 86400));
[, $again] = connector('open again', "sites/$account/$found_id/get-envelope", opening());
say('proofs', 0, ['signed' => is_signed($again), 'opened' => unsealed($again) === $identifier, 'anew' => $again->nonce !== $answer->nonce]);
client('revoke', 'DELETE', "sites/$secret_id");
client('revoke again', 'DELETE', "sites/$secret_id");
connector('find nothing', "accounts/$account/sites/", ['searchKeys' => [$access_key]]);
connector('open nothing', "sites/$account/$found_id/get-envelope", opening());
