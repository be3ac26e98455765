<?php
// For each line `base64(text) [public key in hex]`: what PHP makes of the text, decoded to arrays and encoded again; what
// Connectors sign of it, decoded to arrays and to objects; and whether its signature holds. `!` where PHP refuses.

const FLAGS = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION;

function encoded($decoded): string {
	if (json_last_error() !== JSON_ERROR_NONE) {
		return '!';
	}
	$text = json_encode($decoded, FLAGS);
	return is_string($text) ? $text : '!';
}

function canonical($decoded): string {
	if (!is_array($decoded) && !is_object($decoded)) {
		return '!';
	}
	$fields = (array) $decoded;
	unset($fields['signature'], $fields['signaturePublicKey']);
	ksort($fields);
	return encoded($fields);
}

function holds($decoded, string $key): string {
	$signature = sodium_hex2bin($decoded->signature);
	$holds = sodium_crypto_sign_verify_detached($signature, canonical($decoded), sodium_hex2bin($key));
	return $holds ? 'holds' : 'broken';
}

while (($line = fgets(STDIN)) !== false) {
	[$text, $key] = explode(' ', trim($line) . ' ');
	$text = base64_decode($text, true);
	$arrays = encoded(json_decode($text, true));
	$signed_arrays = canonical(json_decode($text, true));
	$objects = json_decode($text);
	$as_objects = encoded($objects);
	$signed_objects = canonical($objects);
	$signature = $key === '' ? '' : holds($objects, $key);
	echo implode("\t", [$arrays, $as_objects, $signed_arrays, $signed_objects, $signature]), "\n";
}
