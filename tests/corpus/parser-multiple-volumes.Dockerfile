# Shape of https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/testfiles/multiple-volumes/Dockerfile
FROM foo

VOLUME /opt/nagios/var /opt/nagios/etc /opt/nagios/libexec /var/log/apache2 /usr/share/snmp/mibs
