# Shape of https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/testfiles/nagios/Dockerfile
FROM	ubuntu:14.04
	MAINTAINER	Tianon Gravi <admwiggin@gmail.com> (@tianon)

# Packaged dependencies
   RUN	apt-get update && apt-get install -yq --no-install-recommends \
	apt-utils \
	aufs-tools

RUN	sed -i 's/universe/universe multiverse/' /etc/apt/sources.list
RUN	( egrep -i  "^nagios" /etc/group || groupadd nagios ) && ( egrep -i "^nagcmd" /etc/group || groupadd nagcmd )
ADD	http://downloads.sourceforge.net/project/nagios/nagios-3.5.1.tar.gz /tmp/nagios.tar.gz
RUN	export DOC_ROOT="DocumentRoot $(echo $NAGIOS_HOME/share)"
RUN	sed -i "s,DocumentRoot.*,$DOC_ROOT," /etc/apache2/sites-enabled/000-default
RUN	ln -s ${NAGIOS_HOME}/bin/nagios /usr/local/bin/nagios && mkdir -p /usr/share/snmp/mibs
RUN	mkdir -p -m 0755 /usr/share/snmp/mibs && chmod 0755 /usr/share/snmp/mibs
ENV	NAGIOS_HOME	/opt/nagios
ENV	NAGIOS_TIMEZONE	UTC
ADD	nagios.init /etc/sv/nagios/run
EXPOSE	80
VOLUME	/opt/nagios/var
CMD	["/usr/local/bin/start_nagios"]
