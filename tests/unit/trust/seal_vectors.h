/*
 * Layers that skopeo 1.9.3 (ocicrypt 1.1.5, go-jose 2.6) encrypted: keys made for this, what the
 * descriptors say, and the bytes, of one layer of 116 bytes.
 */
#pragma once

static const char plain_digest[] =
		"sha256:6b250519a4859fb0469ba37b883105a23a04c319a55ccd3c9e92f9554237934d";

static const char rsa_private[] =
		"-----BEGIN PRIVATE KEY-----\n"
		"MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDs6JUVD5Q2O7JA\n"
		"tLIwLSbThMhMh8CmXpt6OFg41vXzFo+SoBweIMJc37qIgbnZfeFk4a3iEFDm3o87\n"
		"rzueXYyLTLOZ5FSkbG5JkdNAYP9X5QRfoJ0MGTIUfgwew+tDclGJTXR2l9I+FfaN\n"
		"39SROgzwIfhlW1HokqXfgPl+H00q9IYMfjN3UzGy5ozzyODY3TFxrk5Ikl3N5gDH\n"
		"9BKiLZ9tdCoQIgwH1y/JS/72skH+hh0+j8r9fzgyblOD9smOC0exD0clqYN92h9v\n"
		"5cL3+z/tDVxhrq1AR+Gf0ifnNAVgb5ixVceKwdwPpDYXIWBbW0vDo0YQmAd43MqD\n"
		"PJvveXi7AgMBAAECggEAYCJZLLyvpfo/cSZiEE6iLL77EKMdt+U4LjZjBl2kXEpR\n"
		"ZGx4PHmKpWlcJjyOEAWWyvsRNmTsj2LMuKl5BeBsQbKURuRyvG4Lqurz0HIL67zR\n"
		"M4TXdatbuRkVDf7unuXq1E6L7fvZorwC2rtzZKMr0N3YEDkoWbn4eWO62kUVaVIc\n"
		"f1adjObXrtUwnVf8seiTkBRzh5KyHGSwgf6ls2694TSStb19ZS9iihVwYCTXDp/+\n"
		"T+vSdJiTkKfYVwIWrFiFm6v7qK8TEuSHkERruV+Kc12HwFpWlA1QWnhfZCkTJy1A\n"
		"kLRRCBz+45T8y0Fh2vx910Qf6+qL/np3RBtSRx2zkQKBgQD+yskTACe3WPI8kqJd\n"
		"q+wfU1Xh5Ql0KhKFi/Imfx2bQgqyvtmQpzFl9eNrl747b8YNHxcT5zU9fZqX+o7n\n"
		"AyhbuHAcTT4zFTxyAKu3JsR69TxcXJTRJwwSFQBPjI6lAdMiRoPuwe/K2HrxE6BU\n"
		"xJX3i9pKj0FxCPjMhzTFQRcTzQKBgQDuCBfsAddvcDiWqkP34o6jVWNX4nu/PExD\n"
		"Pd0nM+d6Kx5ruXm88eZiD2Y93+7auZOtUfNA5GVa0nFrfvxwpAmyWMDTvaa11Ljq\n"
		"UoV/JDfoMPomrhQ6pMbKU7FjBkIKU/EAq2woaJPGoDkcWaNN0FoB/jOIjGJ3n44l\n"
		"2dA264fGpwKBgFuIjmP9EkeT9LI+G4Z7VQCL97aHibXpx22isQOTdxdnymAcoByP\n"
		"c/elNmZYxUalCQl9udS0ozPMA9XFdcEYKU+KGvyP42CGqIhsJURO8RcbMuwbdnsN\n"
		"BBEa6lmprTUqSqdtncgQdAzzaHdjDZ5mYVnlLC7M+D2bc4ZGrHaQw7GhAoGBAKyd\n"
		"heuKclbIBOGN2/hZfaMI+x/yiFboPU3OASC6zTSVLFxmhtf0fGPEUxqv2CEZzvQz\n"
		"p7n5Z17zmXihACQXcUi6gCuNLuZRuz+CVHkdJMXnLqD6QIU+lUKIau0qzp16vh0E\n"
		"M00ieXfjHUdn4bs+SueDFpABbi7dsFHWoN4S88WlAoGBAM+IuBHCRNlZVUvP3SxF\n"
		"4Y2jZSKmBhTmCg2wCaheFYIYRLyrEDrJi1nsOARM/FH5tQ+m6DJDZ64MbJKhr7xI\n"
		"ZmPSaYhkfLivxegzal2nVTMcyip4iYP9FsiLFQk2OCLvy0OuuMod6hMTcCFsfyLq\n"
		"0rLUyRhapej5gDQxONsDDeJp\n"
		"-----END PRIVATE KEY-----\n";

static const char rsa_public[] =
		"-----BEGIN PUBLIC KEY-----\n"
		"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA7OiVFQ+UNjuyQLSyMC0m\n"
		"04TITIfApl6bejhYONb18xaPkqAcHiDCXN+6iIG52X3hZOGt4hBQ5t6PO687nl2M\n"
		"i0yzmeRUpGxuSZHTQGD/V+UEX6CdDBkyFH4MHsPrQ3JRiU10dpfSPhX2jd/UkToM\n"
		"8CH4ZVtR6JKl34D5fh9NKvSGDH4zd1MxsuaM88jg2N0xca5OSJJdzeYAx/QSoi2f\n"
		"bXQqECIMB9cvyUv+9rJB/oYdPo/K/X84Mm5Tg/bJjgtHsQ9HJamDfdofb+XC9/s/\n"
		"7Q1cYa6tQEfhn9In5zQFYG+YsVXHisHcD6Q2FyFgW1tLw6NGEJgHeNzKgzyb73l4\n"
		"uwIDAQAB\n"
		"-----END PUBLIC KEY-----\n";

static const char p256_private[] =
		"-----BEGIN PRIVATE KEY-----\n"
		"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgM2jiMJO3S2CKOe0X\n"
		"UFGiEVV+zXWB1hX2qk2YeLAOoYahRANCAATwrHD6VpwoTQqRuABio8gx0QIQixd1\n"
		"hE9WwKTuq35vB3FsVTZ5oZRhrwRRh2jd3Y3JM4MKaIYopebI36xgw3/n\n"
		"-----END PRIVATE KEY-----\n";

static const char p256_public[] =
		"-----BEGIN PUBLIC KEY-----\n"
		"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8Kxw+lacKE0KkbgAYqPIMdECEIsX\n"
		"dYRPVsCk7qt+bwdxbFU2eaGUYa8EUYdo3d2NyTODCmiGKKXmyN+sYMN/5w==\n"
		"-----END PUBLIC KEY-----\n";

static const char p384_private[] =
		"-----BEGIN PRIVATE KEY-----\n"
		"MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAHuqHdarvfrpr5FVYd\n"
		"634j2ZCo/UEqZ7F+JxuzlETQREGAD/5qlqqfYqyvGhQE1XehZANiAASxCuaEdEXB\n"
		"2Zn139+QopQU4S9s1m963O0W5x4EeK/LC5OyuYR9Rx8f+jPSxjaLxrbsGGiQV8ox\n"
		"off8EtEK0DBx2ynP5MKzbq++c3GaqNPZiungxdpdKTuy6CCruiqtOhs=\n"
		"-----END PRIVATE KEY-----\n";

static const char p521_private[] =
		"-----BEGIN PRIVATE KEY-----\n"
		"MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIBsby5qHqSbrNCARb7\n"
		"k0A8WUBfGo0V7D4T0ULLfxXImJMPV2ENBGG5pWtNVFKUlE4QpqjIj4g/s3VBvQHb\n"
		"0e70CKChgYkDgYYABAHggUS2i/vhdRJndygFtuCPywqNwNCHobWvkwPYPviVrBCq\n"
		"qVuRTbMb4TOqpkl9lBAw03HP42UgT210E0osdOgE/QDMimYaVi3b8VeFa9z502EI\n"
		"W/EV+pGLA7SnzmVuHGAsOd+RIBFJUwWFMYodND+6tDeds1h2VCD4ZY1OiYG6xK+Q\n"
		"VQ==\n"
		"-----END PRIVATE KEY-----\n";

static const char rsa_jwk[] =
		"{\"kty\":\"RSA\",\"alg\":\"RSA-OAEP-256\",\"n\":\"7OiVFQ-"
		"UNjuyQLSyMC0m04TITIfApl6bejhYONb18xaPkqAcH"
		"iDCXN-6iIG52X3hZOGt4hBQ5t6PO687nl2Mi0yzmeRUpGxuSZHTQGD_V-"
		"UEX6CdDBkyFH4MHsPrQ3JRiU10dpfSP"
		"hX2jd_UkToM8CH4ZVtR6JKl34D5fh9NKvSGDH4zd1MxsuaM88jg2N0xca5OSJJdzeYAx_"
		"QSoi2fbXQqECIMB9cvy"
		"Uv-9rJB_oYdPo_K_X84Mm5Tg_bJjgtHsQ9HJamDfdofb-XC9_s_7Q1cYa6tQEfhn9In5zQFYG-"
		"YsVXHisHcD6Q2F"
		"yFgW1tLw6NGEJgHeNzKgzyb73l4uw\",\"e\":\"AQAB\",\"d\":\"YCJZLLyvpfo_"
		"cSZiEE6iLL77EKMdt-U4LjZjBl2kX"
		"EpRZGx4PHmKpWlcJjyOEAWWyvsRNmTsj2LMuKl5BeBsQbKURuRyvG4Lqurz0HIL67zRM4TXdatbuRkVDf7"
		"unuXq1"
		"E6L7fvZorwC2rtzZKMr0N3YEDkoWbn4eWO62kUVaVIcf1adjObXrtUwnVf8seiTkBRzh5KyHGSwgf6ls26"
		"94TSSt"
		"b19ZS9iihVwYCTXDp_-T-vSdJiTkKfYVwIWrFiFm6v7qK8TEuSHkERruV-"
		"Kc12HwFpWlA1QWnhfZCkTJy1AkLRRC"
		"Bz-45T8y0Fh2vx910Qf6-qL_np3RBtSRx2zkQ\",\"p\":\"_"
		"srJEwAnt1jyPJKiXavsH1NV4eUJdCoShYvyJn8dm0IK"
		"sr7ZkKcxZfXja5e-O2_GDR8XE-c1PX2al_qO5wMoW7hwHE0-"
		"MxU8cgCrtybEevU8XFyU0ScMEhUAT4yOpQHTIkaD"
		"7sHvyth68ROgVMSV94vaSo9BcQj4zIc0xUEXE80\",\"q\":\"7ggX7AHXb3A4lqpD9-KOo1VjV-"
		"J7vzxMQz3dJzPnei"
		"sea7l5vPHmYg9mPd_"
		"u2rmTrVHzQORlWtJxa378cKQJsljA072mtdS46lKFfyQ36DD6Jq4UOqTGylOxYwZCClPxAK"
		"tsKGiTxqA5HFmjTdBaAf4ziIxid5-OJdnQNuuHxqc\",\"dp\":\"W4iOY_"
		"0SR5P0sj4bhntVAIv3toeJtenHbaKxA5N"
		"3F2fKYBygHI9z96U2ZljFRqUJCX251LSjM8wD1cV1wRgpT4oa_I_"
		"jYIaoiGwlRE7xFxsy7Bt2ew0EERrqWamtNSp"
		"Kp22dyBB0DPNod2MNnmZhWeUsLsz4PZtzhkasdpDDsaE\",\"dq\":\"rJ2F64pyVsgE4Y3b-Fl9owj7H_"
		"KIVug9Tc4B"
		"ILrNNJUsXGaG1_R8Y8RTGq_"
		"YIRnO9DOnuflnXvOZeKEAJBdxSLqAK40u5lG7P4JUeR0kxecuoPpAhT6VQohq7SrO"
		"nXq-HQQzTSJ5d-MdR2fhuz5K54MWkAFuLt2wUdag3hLzxaU\",\"qi\":\"z4i4EcJE2VlVS8_"
		"dLEXhjaNlIqYGFOYKD"
		"bAJqF4VghhEvKsQOsmLWew4BEz8Ufm1D6boMkNnrgxskqGvvEhmY9JpiGR8uK_F6DNqXadVMxzKKniJg_"
		"0WyIsVC"
		"TY4Iu_LQ664yh3qExNwIWx_IurSstTJGFql6PmANDE42wMN4mk\"}";

static const char p256_jwk[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A128KW\",\"x\":"
			       "\"8Kxw-lacKE0KkbgAYqPIMdECEIsXdYRPVs"
			       "Ck7qt-bwc\",\"y\":\"cWxVNnmhlGGvBFGHaN3djckzgwpohiil5sjfrGDDf-c\","
			       "\"d\":\"M2jiMJO3S2CKOe0XUFGiEV"
			       "V-zXWB1hX2qk2YeLAOoYY\"}";

static const char rsa_keys[] =
		"org.opencontainers.image.enc.keys.jwe="
		"eyJwcm90ZWN0ZWQiOiJleUpoYkdjaU9pSlNVMEV0VDBGRlVDSX"
		"NJbVZ1WXlJNklrRXlOVFpIUTAwaWZRIiwiZW5jcnlwdGVkX2tleSI6ImduV2o2ajAzQ3RDTHNTLVBuenJD"
		"bHNRM2"
		"tsSTNZOFlBaDg2QkQ2Nk81dGcwMkZDdnVBN0xGUkRXanVvR21qaHZ4MGI1MHFmaHlSRFY1NUdWU3Y5WHUz"
		"elQtaU"
		"5ObHpacHdUcGhEZTVLWVY4NUhPZE5xOEJxYnppc0VoS0JiTDVhMXd4cGJkNmJIWFN4NHVHU0FoTWJKMVd6"
		"OXJzM3"
		"hoWjlXb3JXaDk0MV9pQlZrRnEwWG5JY2NUOTNfVGpKc1F2MENXbzMtTjF3WnU3eWNpOGV5d2Vxd2dYOTUt"
		"Zjh6LW"
		"51M3RycE9JS1NzRVN0TzRQejN0RXZfbmw1XzhoNkZfeFYtcU5VemNEVXk5cmdvYk5FQnl0aDRfYXI2cFcx"
		"N0EwOT"
		"M1YWlFZUpSUXAwNkp4Y1RnWG92bEtxUU9HWV9QeEdicG40ME9jV3BlQUg4bDNKeDlhM0hkQSIsIml2Ijoi"
		"WUpzTE"
		"xFUms0UVRiREZUdiIsImNpcGhlcnRleHQiOiJ5ODNXTjNNUXlxR3ZOcngzUzBDLXBQV2g3OVl5Zm1oM0x3"
		"OHBRWn"
		"lFNy1TWmNpajVaQTUwS3JudFdDQnU4NFc1eGYxU1dRdUpNTkR6Y2xQX0RKVEFJc3h5OXVXYmUxWGlOdklE"
		"RVBYcU"
		"5YQ0loQ1kyVUxBQVVWMjMxeXNKNmk2Z1dUaTg5MXVxQjY5VzR1UDNObWtYOTJCUlpCdVFfanFfczlMTEJW"
		"WllRZT"
		"NGYXpoQm52UFoxMDZYNGhqYXktYXdlRUZFUG9oa1FLNm1WMzVVeEE2US16Tl9iZG9Ia1dfMlQ2YzNjblJS"
		"YTdiOT"
		"FaQUFHWW9tT1BrbTcwTF9rSEVhSXciLCJ0YWciOiJKckRUUDUtWG1WTzdYaEZBc051WFFnIn0=";

static const char rsa_options[] = "org.opencontainers.image.enc.pubopts="
				  "eyJjaXBoZXIiOiJBRVNfMjU2X0NUUl9ITUFDX1NIQTI1NiIsImh"
				  "tYWMiOiJySmZJTCtTSGlUMlBOMHVsY3NuRUtQcmxtZmQ0dW8wS2JGV0trTG40Wk5"
				  "3PSIsImNpcGhlcm9wdGlvbnM"
				  "iOnt9fQ==";

static const char rsa_bytes[] =
		"a8BprmQokshxe1mQUnA5gDwDeGZD5tyklHvLfIyeUdjDjdNLqbjOpyWOY/UItO6C6Ypg0jWsgJOH/"
		"KTquocgy7/J"
		"hUqfszT7eGZ/zkHaEW2YydhfyT3aDtx2WpVUUh+yi9dai2DNAXNPQM8f3UST/QSj4aI=";

static const char p256_keys[] = "org.opencontainers.image.enc.keys.jwe="
				"eyJwcm90ZWN0ZWQiOiJleUpoYkdjaU9pSkZRMFJJTFVWVEswRX"
				"lOVFpMVnlJc0ltVnVZeUk2SWtFeU5UWkhRMDBpTENKbGNHc2lPbnNpYTNSNUlqb2lS"
				"VU1pTENKamNuWWlPaUpRTF"
				"RJMU5pSXNJbmdpT2lKV05tZERSM2RTU0RCb0xWaHRkRmx2ZVVWZmF6TndTV2RRT0RW"
				"aFRuTlZXa2cyVFhWdmVHVT"
				"JNa2xCSWl3aWVTSTZJbmhKVTFWR05uTmhlbmRZU21kNlIwUTJiMDgwUjB4b1N6Uldl"
				"a0U0WjFwcmNtSjJjak5FYk"
				"hOclR6UWlmWDAiLCJlbmNyeXB0ZWRfa2V5IjoieXk1THhpLXRBYV9hUzFsdFREdmNT"
				"Qzhpd3I3UVlZWUs1TVc2by"
				"1OXzdqWkdsRjZfXzJxTmZBIiwiaXYiOiJOdTBmejE0S2w0N1pwVHMwIiwiY2lwaGVy"
				"dGV4dCI6ImZPUVd2WmVrcn"
				"lfRmYtaV9oOEJ1YjBscUR0NzJKSEJnOUlhMFBHRF9RWVU2Yy15ZFdNdUk0TXBtd2R5"
				"c3BWUmNjYTZMZnBDekZRcW"
				"E1ZWlxMF85VDVlekhwaFpxaFhCaTVJdkd3eEpGeXp2XzFEQV9mejhqY1dwQWZ2Z2lC"
				"OWk5ZkVPZjJxRjcxd0lCT2"
				"VLYjM1OVpTaHBkM18tWUk1ekZRaUc0NzNZT2x2bEZMVTdPSm4tdFpXZG9tOWJHYmxj"
				"MG5sMXJadjdvaWpXNjFMd3"
				"ZLMlhHWFBNbDY2YXVjYVIxYWhtQ2M5blJfd0VZX3IyVEJRZ0FYbWZMdkg3SXlvWG5B"
				"USIsInRhZyI6IlRGY2JxNV"
				"VIOVBBb0FsNkxpdUFIVWcifQ==";

static const char p256_options[] = "org.opencontainers.image.enc.pubopts="
				   "eyJjaXBoZXIiOiJBRVNfMjU2X0NUUl9ITUFDX1NIQTI1NiIsImh"
				   "tYWMiOiJWSDVrU1hPakk5ZjNSdWlHV1RuOHVaTndTakdoK3hWd0ljN3hwamp4S2"
				   "o4PSIsImNpcGhlcm9wdGlvbnM"
				   "iOnt9fQ==";

static const char p256_bytes[] =
		"NxYX6YmGp2fmy6Y8fdusxks4bDuqFmYaT5uy/iMNRqEPXgXXLeu3maTEmvo0/FjiI8ncs/9iidKnTJy/"
		"jz1VhyIE"
		"KEmy6SYBxd+OrHnz0dsAxY7gXidWrk1MN2x7XZYzQdlMrX+meVbYe+CPNN76INIMizc=";

static const char p384_keys[] = "org.opencontainers.image.enc.keys.jwe="
				"eyJwcm90ZWN0ZWQiOiJleUpoYkdjaU9pSkZRMFJJTFVWVEswRX"
				"lOVFpMVnlJc0ltVnVZeUk2SWtFeU5UWkhRMDBpTENKbGNHc2lPbnNpYTNSNUlqb2lS"
				"VU1pTENKamNuWWlPaUpRTF"
				"RNNE5DSXNJbmdpT2lKaWJFZDRVWGhuZDBsWFRrSmhiR3gwUmtGRFZHdFlaVlpRVkVk"
				"SWNWcFpWWHBNWmpSWGNucE"
				"diRFZrUm05c1VtWjJUMlpoZW5aTVlqRXpkbXMzV0d3eklpd2llU0k2SW5GUGQyNWxT"
				"VGxFUmxwWU1VeHpWMHh3YU"
				"c5TVJHSnFka0Z0Y2xZM09IQXdSRWxDTjJwSFR6Wk5hVmhLZVV0RGFqZ3phRGM0UlhW"
				"WVozWkphMHBpY2praWZYMC"
				"IsImVuY3J5cHRlZF9rZXkiOiJ6Rm1tRU5LOE1JbUpuRktuSnVxLTRGdmJCSVM0aVZ5"
				"bE5GY0NtRFJqajNZelF1cz"
				"NBQk5ZaWciLCJpdiI6Im1vZV8tUWE2MHRSbnI2eGgiLCJjaXBoZXJ0ZXh0IjoibldB"
				"djJhNjdLN2xINkJVa19yb0"
				"RNYzVXMk05V0tHd1BBZmYwSGVCbkUxV0JzNzVpQURFYWVHQXJWRUZDbjJfY08zUWZZ"
				"THA4V284QTk4TGFXVG52bm"
				"hFdUVvUTNmOHFYWFI3Y0FCbm5OdTN2NldFQU4wRUhlNl9kcGFRVm5hMU5ISThuR0FO"
				"T3dsdGN5Q0xXVjhubzNUa1"
				"loTFJNMlN5YlVYNFQzVWgxdDBGc01BejFaeHU0Wk9VRy0zLS12TUsxRWM4ZUgtMldI"
				"b09YZDQ2aDRGUlNpX3hua3"
				"JYdWJZR2hEQWRESHBjLWlVcXl5bzJGZkxYT0toaWpSYnVBcU1zMGd3IiwidGFnIjoi"
				"ZGRWc2xhWjR4bXBWRUpxM0"
				"NFWGgtdyJ9";

static const char p384_options[] = "org.opencontainers.image.enc.pubopts="
				   "eyJjaXBoZXIiOiJBRVNfMjU2X0NUUl9ITUFDX1NIQTI1NiIsImh"
				   "tYWMiOiJTdVg0N1o5RGJnRlBUYXpTU2RhY2ZPcHNUTmJLSEhFZU16YzR0b2xZTF"
				   "RNPSIsImNpcGhlcm9wdGlvbnM"
				   "iOnt9fQ==";

static const char p384_bytes[] =
		"UbY1zOEv5ltaZnlTPQ0QCxTilWPU1DSsrElbqVfYvHHnw/gUqDxUCrL9MDrmpkSLtgJ1saVc/tkG/"
		"sGHEDgElrAQ"
		"pXFjdUUPzDBWx6LGLUxuKudzgOMdBKlqGe1LBkLdf/C3rGmNiUYOdzfROVb73hH2+ro=";

static const char p521_keys[] = "org.opencontainers.image.enc.keys.jwe="
				"eyJwcm90ZWN0ZWQiOiJleUpoYkdjaU9pSkZRMFJJTFVWVEswRX"
				"lOVFpMVnlJc0ltVnVZeUk2SWtFeU5UWkhRMDBpTENKbGNHc2lPbnNpYTNSNUlqb2lS"
				"VU1pTENKamNuWWlPaUpRTF"
				"RVeU1TSXNJbmdpT2lKQlYwOUlWbFZtV2toTmVWSXRTR3hDVWtwMlZFMVFORzVMZFRW"
				"YWNtTXRaMnBWZURJMlNFcz"
				"JOVzl0VUhGS1ozTmZTbTVHWW1nek4wb3RjRFpVVVhSeWFFZDZMWGxoZVhOeFREZ3pT"
				"MVpGZDBJdFVFaGFiMWxuSW"
				"l3aWVTSTZJa0ZrTVZCck9GSXhPV2RTYzFSNVIxbDJUeTEzY2xGdk1XMTVZVEowYUhS"
				"VU4wZFpRMDQwYkZsWFJGRm"
				"hTa1E1TmpFMFYyUXhlbkV3WlhZdGIxb3lSbEJrTUd0Q2NIVklNa2RvWmkxNWFXZG5M"
				"V2N4WXpKUVlWUWlmWDAiLC"
				"JlbmNyeXB0ZWRfa2V5IjoidzNzRkpFaVZpcVFlTWwwQW0ySXpBbEtXeUJpN0hvZ2h6"
				"Y09uMTZRdzhPV2F2TURTal"
				"NSdlJBIiwiaXYiOiJrR3pIdExTN2VHSXZiZE1lIiwiY2lwaGVydGV4dCI6InM4cDl3"
				"SHR0V0d1UjgtS2xJamJqZT"
				"BJWU9oeGY5Nk5wQko5ZmxBZTZlMUFfRzBmQUUza3FqUVhqbmEwVWN0T1QzUUJ5U1Jj"
				"ZS1RWXF0alpxS1NxZF9Obl"
				"F2eFdWTEVYaTZSaUVxZ1lfXzRieERMT0tuMndHaFpZaGVQTmNEQ0QySjNMUGRacHFV"
				"M3NrTDZpSTU3ZFI3Q0dJaU"
				"F3UDVCOVJsMVktdTFMa3BQbVIxSmF2S0hCMGNkeWpYUzhVZGoyeDd3eThNX3diZU5G"
				"QzRrQmM4dmtQcTNlU3h2eD"
				"BaR0dCV3ByYUExLVJ2cUFKeWQ1ZURNdC1lWU4xZ3ZyalJ4QWlvQSIsInRhZyI6Ikc5"
				"UFAwUkZkbksybjc1Y2dLV2"
				"5uc3cifQ==";

static const char p521_options[] = "org.opencontainers.image.enc.pubopts="
				   "eyJjaXBoZXIiOiJBRVNfMjU2X0NUUl9ITUFDX1NIQTI1NiIsImh"
				   "tYWMiOiJkWERkbXVQb014dldTNHdMd2pQMUIvci9mV0I3dnc0N1hlZk5MSHhXOD"
				   "BJPSIsImNpcGhlcm9wdGlvbnM"
				   "iOnt9fQ==";

static const char p521_bytes[] =
		"F0vGkWoWIiaQdoegEjil1Wfk3J49Va1i9RSnbPv15P4gNr7JSh2HIwJDBWBYYxc8mWs92n2K5jZIVhf5vZ"
		"cWlN5f"
		"m1ubTqKwNgNJfqD7zlNuG2CmkfQfmZFog/WsbTIS6oc8+lTnzG93sDEfAGwt5oafxms=";

static const char two_keys[] = "org.opencontainers.image.enc.keys.jwe="
			       "eyJwcm90ZWN0ZWQiOiJleUpsYm1NaU9pSkJNalUyUjBOTkluMC"
			       "IsInJlY2lwaWVudHMiOlt7ImhlYWRlciI6eyJhbGciOiJSU0EtT0FFUCJ9LCJlbmNye"
			       "XB0ZWRfa2V5IjoiNVRRWk"
			       "lyR3NZV09VeFktbms1ek5RYjlZckM5SndMWjBwTHBGSHhpM1lpNFBmN3NFMGxtQTlia"
			       "XpYNnFlYmZ5bzRMWkppN0"
			       "hDNi1CeG1sS0cwUkpGaFRlSERBZzVyUC1MVkZEMHVJR1BJblB0UkI4N0Q2VEh6WkF2N"
			       "HkwWnJ1QUs4Sl9HQU1SVE"
			       "pPaEZXeU0yY1U0Uy1scU9aMnZ6V01meXpHSTBPeUo4TXNWLWJKTExKUU8zWFJrSEJxU"
			       "VN5clIybHoxUkZ4REcxSj"
			       "FFRUZHZHNVeGlMNkRLcUtGQmxnMWtIWmlpem9sMFRDdHhxd21mRlVUZDhVZG5yY2drS"
			       "3cxdE5PdlRUNWl6OXBCQn"
			       "hRM3JiNkZqZm55cFpEVmxDUEluVmFRbEh6U2Q5YUJVSHg1eXZtY3o5UWlfMlZvazhkT"
			       "DdVc2Vldk1Vck9hSWdhQW"
			       "Flb0xKMTRBIn0seyJoZWFkZXIiOnsiYWxnIjoiRUNESC1FUytBMjU2S1ciLCJlcGsiO"
			       "nsia3R5IjoiRUMiLCJjcn"
			       "YiOiJQLTI1NiIsIngiOiJycngxMWVYc1NrT0N2WC1aakFGTGtfNDk5dG9YczFvNDdZM"
			       "TU0WE5ObnhnIiwieSI6Im"
			       "U0U2dLNjVORHczM3diemhBdjRTTlJEMWtIbVFESEJrVzE1UUdEblBxX1kifX0sImVuY"
			       "3J5cHRlZF9rZXkiOiJkeC"
			       "01Ujh5ZjlhWXlQX09HVVVOd2FPZlJDbEZwczVldUJGUE5wNGxEczByUFNQSy1aYmNCT"
			       "3cifV0sImVuY3J5cHRlZF"
			       "9rZXkiOiI1VFFaSXJHc1lXT1V4WS1uazV6TlFiOVlyQzlKd0xaMHBMcEZIeGkzWWk0U"
			       "GY3c0UwbG1BOWJpelg2cW"
			       "ViZnlvNExaSmk3SEM2LUJ4bWxLRzBSSkZoVGVIREFnNXJQLUxWRkQwdUlHUEluUHRSQ"
			       "jg3RDZUSHpaQXY0eTBacn"
			       "VBSzhKX0dBTVJUSk9oRld5TTJjVTRTLWxxT1oydnpXTWZ5ekdJME95SjhNc1YtYkpMT"
			       "EpRTzNYUmtIQnFRU3lyUj"
			       "JsejFSRnhERzFKMUVFRkdkc1V4aUw2REtxS0ZCbGcxa0haaWl6b2wwVEN0eHF3bWZGV"
			       "VRkOFVkbnJjZ2tLdzF0Tk"
			       "92VFQ1aXo5cEJCeFEzcmI2RmpmbnlwWkRWbENQSW5WYVFsSHpTZDlhQlVIeDV5dm1je"
			       "jlRaV8yVm9rOGRMN1VzZW"
			       "V2TVVyT2FJZ2FBYWVvTEoxNEEiLCJpdiI6Il95c1ZpSmJKOTB4Tm54YWYiLCJjaXBoZ"
			       "XJ0ZXh0IjoiSHlLeWFHY2"
			       "RDSjgzVzB5TDBrX1VDbFJTVHpZdllvMzJyNUc3QkhYZmxMc0hwd1hfY294LVlQaUxPW"
			       "Wd4aDU2ajVQOWdINHRlUG"
			       "IzaXJvMURuUmJvbGszRHE0VnM4aVFOcjhoWEg4MC1hT2p4aWgwUk5Edl9jYi1fSTZlT"
			       "G42NXMtTVB6TmtMRGp4SW"
			       "9VOWFCczN4UmVJWnpSenlRODk0UUxUaFh5OTZUNzR2NEk0OHhFOUhxeTQ1bDNaX3k1Q"
			       "1hhTmFVTGppTzQwUjczRW"
			       "40YUJldE1hVlNaa18wX2dLUDB5djZYWHk0dTZHR1dFZFJwNHQ0VXdhSkFBbTVubk9MT"
			       "2N3IiwidGFnIjoic0JFdW"
			       "RuVjBubngxemRud1VncUk1dyJ9";

static const char two_options[] = "org.opencontainers.image.enc.pubopts="
				  "eyJjaXBoZXIiOiJBRVNfMjU2X0NUUl9ITUFDX1NIQTI1NiIsImh"
				  "tYWMiOiIxSjJ0KytXTEVnNnRtS3orWFNHMlp6cWJhTURtV2JqRW9NbGJJVFRaNDh"
				  "rPSIsImNpcGhlcm9wdGlvbnM"
				  "iOnt9fQ==";

static const char two_bytes[] =
		"c1x9u4UIMztSnjCIx1nJbWW2pFqgnmz3CTJQYec4nV1xu0GQO/"
		"GXj6Gdl7W7IZjVigaOC92As+9EmiR1gXwEVXsd"
		"a+40NeW/cr320xlgKzR+TXa6N7fDJsE4vGGRtYTc7ym04OIOLVpigmSAT7hqhdtlpZ8=";

/* rsa_private, under the word "open". */
static const char rsa_locked[] =
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
		"MIIFLTBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIOYwI2uSFo/kCAggA\n"
		"MAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAEqBBCbB3XDwKIC0/5k5uvBJFKUBIIE\n"
		"0NXZfPFz1/4XOodBk8cuXTjKI5ljp3bunsk9tTUBIJrlz1yHvNFIIeGWugwNtwY5\n"
		"kMYnHOy2jPX6cqtXDD/OQQpIHQi10bQfMai9aqJ5QZnhK0nkc6zjZfuB6sb8n3UQ\n"
		"o8KGOQB178YNsyhmPHb7IuuUPDMkIsRrHrgnG+MN4/m0qOUAwuFtC0pT94Yd7T+8\n"
		"0oh+ELcuS1ZR/LjzIJ3EOvgN8KX2ePFsr6WXTJVk+SRB7ihYtBmptBrk9q6O7pCh\n"
		"ZIzrH1Pv6+dMCTVWHfR4M2CMgOXNV1ZPbIdnie/zooSMmLZdti+i8w8C3JAufqio\n"
		"eTA+JwyXAgGZJkC3r2eNwgKTLUdiczzqjZO78sLmwLGiS008SJ9AzKi5PL272tGa\n"
		"SJHwjLGDeO7nKFlJ8X9XWOWvXBG3V5KYDgDC5d99alSPJ7cgwyO+KOUqQC7r81kR\n"
		"hF0sK92hT2rTPW8Ee8IHZY+Ade5VIHtg2lLwtdGRMzZOyiLnDny29Pxde5wUUu57\n"
		"v+eMTMwwp6eqlZ79HvtocQi0oSS12lghbcuigJBkvZytudOyUcLR3FaYGeySNCHv\n"
		"NHkPczDToFVbCYOYoDmz5ZKX+NBKZNoW5ABYjVxdfPrjdTDnMNQE9gBJLqmOuSfE\n"
		"GnKtOHfMP+16WmksEM9XjGyGdeUFhMPlsjVcQ7d6KxohWVXR0xV2Mtvijqvcjtsb\n"
		"LTmUWQPTyYLiRnotwcCutifB6lnTyKJytchhLjLNQre8c6rLZk0dagcyL3SelCM3\n"
		"7wJkAWn5e04uB64HaFv7mIpF7ImmCKjj0n61E+N8IrVk903EG/cFBTC42gIun0NH\n"
		"go/moCCf9ym/wiZclHRaGEWlCPh1ymTyTsNIwdHGKVkZZdGL28sc6cxb1w4li7fR\n"
		"wTfFbIQMuD2iBXELlShdTsfE83YZJaa0txJc5zwmdS1eGAib6ML5LblaF7TnTSeX\n"
		"B7dElwCBYSj5a1vBzXTOv/hPNHwgY3PlXShW9bYsDYDcMVOYuhJ8p4zXH9YbsvB1\n"
		"iw88Nti0RV87vNrVWEJQMaLn5/HLLb6hPuQ/9TPyj3fotqKSqbCmpIDpspgKvU1y\n"
		"/N3CNoiyYhg3dzMXnA24UCxtKL0Zt+gDrtIOAIBQjv5i5CPY9xg2VBXbf4sVWNQV\n"
		"r0gwN5ac73pOZTmlY+g/fC/e3c0LVezBP8nuHzJuNlBOBJSrIu7y9171PfSpaNnC\n"
		"ljqLiXdnHAV0nMn7PqLipbqbRxubfeqQ6dYYJC1uBdhunYCfxTY60ey0JgAzLgJg\n"
		"qWAHQ+FFvAHOI8Uo8o2ftqQmPoR8pvWXA3X2MFZ7CeTJxf7HuDQuQ4hdtZxuownr\n"
		"m0viCLygPaAWNRtmoETw7gHTvm/9unsulwDh6e1FihwcnRWEmZ8bzasy6PXFrBnu\n"
		"5t3RKHPEkYUZUBimMgoNxMOce1FEcLm+nOEpf96Q85V6JjBPmFWIPQFmX31weDQf\n"
		"PP+BO/iSG8bXSj08n5pLkXW2tfQxqR3iCgVR7X4dH5AxHPAyiuG3avTRrxkG4VP4\n"
		"x0o8TxVqQlz4x/cRovizHJoir8JQG1lVctT+rZpiv+VIrMAxz3ITVsTddqKky5zB\n"
		"p0z4g13kecte4luVW+1HSQHWLpm37UDVk7jOWFikHft7\n"
		"-----END ENCRYPTED PRIVATE KEY-----\n";
