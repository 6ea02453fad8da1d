# Shape of https://github.com/docker-library/wordpress/blob/master/latest/php8.3/apache/Dockerfile
FROM php:8.3-apache

RUN set -ex; \
	\
	savedAptMark="$(apt-mark showmanual)"; \
	\
	docker-php-ext-configure gd \
		--with-avif \
		--with-webp \
	; \
	docker-php-ext-install -j "$(nproc)" \
		bcmath \
		zip \
	; \
# https://pecl.php.net/package/imagick
	out="$(php -r 'exit(0);')"; \
	[ -z "$out" ]; \
	err="$(php -r 'exit(0);' 3>&1 1>&2 2>&3)"; \
	[ -z "$err" ]; \
	extDir="$(php -r 'echo ini_get("extension_dir");')"; \
	! { ldd "$extDir"/*.so | grep 'not found'; }; \
	err="$(php --version 3>&1 1>&2 2>&3)"

RUN { \
		echo 'error_reporting = E_ERROR | E_WARNING | E_PARSE'; \
		echo 'log_errors = On'; \
	} > /usr/local/etc/php/conf.d/error-logging.ini

RUN set -eux; \
	find /etc/apache2 -type f -name '*.conf' -exec sed -ri 's/([[:space:]]*LogFormat[[:space:]]+"[^"]*)%h([^"]*")/\1%a\2/g' '{}' +

RUN set -eux; \
	[ ! -e /usr/src/wordpress/.htaccess ]; \
	{ \
		echo '# BEGIN WordPress'; \
		echo ''; \
		echo 'RewriteEngine On'; \
		echo 'RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]'; \
		echo 'RewriteRule ^index\.php$ - [L]'; \
		echo ''; \
		echo '# END WordPress'; \
	} > /usr/src/wordpress/.htaccess; \
	for dir in /usr/src/wordpress/wp-content/*/ cache; do \
		dir="$(basename "${dir%/}")"; \
		mkdir "wp-content/$dir"; \
	done

VOLUME /var/www/html

COPY --chown=www-data:www-data wp-config-docker.php /usr/src/wordpress/
COPY docker-entrypoint.sh /usr/local/bin/

ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["apache2-foreground"]
